#include "app/workflows/segment_evaluate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "app/workflows/model_registry.h"
#include "app/workflows/run_environment.h"
#include "app/workflows/segment_image.h"
#include "imaging/base/csv.h"
#include "imaging/base/files.h"
#include "imaging/base/options_json.h"
#include "imaging/base/version.h"
#include "imaging/raster/label_counter.h"
#include "imaging/slide/volume.h"
#include "models/runtime/statistics.h"

namespace workflows {
namespace fs = std::filesystem;
namespace {

using imaging::Error;
using imaging::ErrorCode;
using Json = nlohmann::ordered_json;

/// A measure by name, as metrics.csv and metrics.json hold it.
struct Measure {
  const char* name;
  std::optional<double> (*of)(const RegionScore& score);
};

template <double imaging::SurfaceMetrics::*Member>
std::optional<double> surface(const RegionScore& score) {
  return score.surfaces ? std::optional((*score.surfaces).*Member) : std::nullopt;
}

using imaging::SurfaceMetrics;
constexpr std::array kMeasures{
    Measure{"dice", [](const RegionScore& s) { return std::optional(s.overlap.dice); }},
    Measure{"iou", [](const RegionScore& s) { return std::optional(s.overlap.jaccard); }},
    Measure{"volume_similarity", [](const RegionScore& s) { return s.overlap.volume_similarity; }},
    Measure{"fdr", [](const RegionScore& s) { return s.overlap.false_discovery_rate; }},
    Measure{"fnr", [](const RegionScore& s) { return s.overlap.false_negative_rate; }},
    Measure{"hd", &surface<&SurfaceMetrics::hd>},
    Measure{"hd95_pooled", &surface<&SurfaceMetrics::hd95_pooled>},
    Measure{"hd95_maxdir", &surface<&SurfaceMetrics::hd95_maxdir>},
    Measure{"assd_pooled", &surface<&SurfaceMetrics::assd_pooled>},
    Measure{"assd_meandir", &surface<&SurfaceMetrics::assd_meandir>},
};

std::optional<std::uint8_t> label_of(const std::vector<std::string>& classes, const std::string& name) {
  const auto found = std::ranges::find(classes, name);
  if (found == classes.end()) return std::nullopt;
  return static_cast<std::uint8_t>(found - classes.begin());
}

/// One evaluated case.
struct CaseScores {
  const SegmentCase* one = nullptr;
  std::vector<RegionScore> regions;
  std::vector<std::string> warnings;
};

class Evaluation {
 public:
  Evaluation(const SegmentEvaluateRequest& request, const SegmentData& data, models::Segmenter& segmenter,
             const std::vector<SegmentRegion>& regions)
      : request_(request), data_(data), segmenter_(segmenter), regions_(regions) {}

  [[nodiscard]] CaseScores score(const SegmentCase& one, const imaging::JobContext& job) const {
    return imaging::is_volume(one.image) ? score_volume(one, job) : score_picture(one, job);
  }

 private:
  [[nodiscard]] CaseScores score_picture(const SegmentCase& one, const imaging::JobContext& job) const {
    const auto sample = read_segment_case(data_, one);
    const auto found = segment_picture(sample.image, segmenter_, request_.tiling, job);
    imaging::MaskGrid grid{.size = {sample.image.width(), sample.image.height(), 1}};
    if (sample.spacing_mm) grid.spacing = {sample.spacing_mm->x, sample.spacing_mm->y, 1};
    return {&one,
            score_regions(found.labels.values(), sample.labels->values(), grid, sample.spacing_mm.has_value(),
                          regions_, request_.options),
            sample.warnings};
  }

  [[nodiscard]] CaseScores score_volume(const SegmentCase& one, const imaging::JobContext& job) const {
    CaseScores scores{.one = &one, .regions = {}, .warnings = {}};
    const auto volume = imaging::read_volume(one.image);
    scores.warnings = volume.warnings;
    const auto reference = read_segment_volume_labels(data_, one, volume.geometry);
    const auto found = segment_volume(volume, segmenter_, request_.tiling, scores.warnings, job);
    const imaging::MaskGrid grid{.size = volume.geometry.size, .spacing = volume.geometry.spacing_mm};
    scores.regions =
        score_regions(found, reference, grid, volume.geometry.has_spacing, regions_, request_.options);
    return scores;
  }

  const SegmentEvaluateRequest& request_;
  const SegmentData& data_;
  models::Segmenter& segmenter_;
  const std::vector<SegmentRegion>& regions_;
};

std::string cell(const std::optional<double>& value) {
  return value ? fmt::format("{:.6g}", *value) : "";
}

std::string metrics_csv(const std::vector<CaseScores>& scores, const std::vector<BatchRow>& rows,
                        const std::vector<SegmentRegion>& regions, const SegmentData& data) {
  std::vector<std::string> header{"case", "group", "site", "region", "status", "reason_code", "reason"};
  for (const auto& measure : kMeasures) header.emplace_back(measure.name);
  for (const char* name : {"distance_unit", "predicted_px", "reference_px", "both_empty", "predicted_objects",
                           "reference_objects"})
    header.emplace_back(name);
  auto text = imaging::csv_line(header);
  std::map<std::string, const CaseScores*> by_case;
  for (const auto& one : scores) by_case[one.one->name] = &one;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto& row = rows[i];
    const auto one = std::ranges::find(data.cases, row.case_name, &SegmentCase::name);
    const auto found = by_case.find(row.case_name);
    for (std::size_t r = 0; r < regions.size(); ++r) {
      std::vector<std::string> cells{row.case_name, one->group,      one->site, regions[r].name,
                                     row.status,    row.reason_code, row.reason};
      if (found == by_case.end()) {
        cells.resize(header.size());
      } else {
        const auto& score = found->second->regions[r];
        for (const auto& measure : kMeasures) cells.push_back(cell(measure.of(score)));
        cells.push_back(score.surfaces ? score.unit : "");
        cells.push_back(std::to_string(score.overlap.prediction));
        cells.push_back(std::to_string(score.overlap.reference));
        cells.emplace_back(score.overlap.are_both_empty() ? "true" : "false");
        cells.push_back(score.predicted_objects ? std::to_string(*score.predicted_objects) : "");
        cells.push_back(score.reference_objects ? std::to_string(*score.reference_objects) : "");
      }
      text += imaging::csv_line(cells);
    }
  }
  return text;
}

/// Mean, deviation, median and interval of one measure over the cases for which it is defined.
Json summary_of(const std::vector<double>& values, const std::vector<std::string>& groups,
                const SegmentEvaluateRequest& request) {
  const auto count = static_cast<double>(values.size());
  Json json{{"cases", values.size()}};
  if (values.empty()) {
    json["mean"] = nullptr;
    return json;
  }
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  auto sorted = values;
  std::ranges::sort(sorted);
  const auto middle = sorted.size() / 2;
  json["mean"] = mean;
  json["deviation"] = values.size() > 1 ? Json(std::sqrt(squares / (count - 1))) : Json();
  json["median"] = sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  json["least"] = sorted.front();
  json["largest"] = sorted.back();
  const auto numbers = models::group_numbers(groups);
  const auto weighted_mean = [&](std::span<const std::int64_t> weights) -> std::optional<double> {
    double sum = 0, total = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      sum += static_cast<double>(weights[i]) * values[i];
      total += static_cast<double>(weights[i]);
    }
    return total > 0 ? std::optional(sum / total) : std::nullopt;
  };
  const auto interval =
      std::set(numbers.begin(), numbers.end()).size() < 2
          ? std::nullopt
          : models::bootstrap_interval(numbers,
                                       {.replicates = request.options.replicates,
                                        .seed = static_cast<std::uint64_t>(request.runtime.seed) + 1},
                                       weighted_mean);
  json["interval"] = interval ? Json{interval->low, interval->high} : Json();
  return json;
}

/// @param site  empty: all cases
Json region_summary(const std::vector<CaseScores>& scores, std::size_t region, const std::string& site,
                    const SegmentEvaluateRequest& request) {
  Json json = Json::object();
  std::set<std::string> units;
  std::int64_t both_empty = 0;
  for (const auto& one : scores) {
    if (!site.empty() && one.one->site != site) continue;
    const auto& score = one.regions[region];
    both_empty += score.overlap.are_both_empty() ? 1 : 0;
    if (score.surfaces) units.insert(score.unit);
  }
  const bool has_mixed_units = units.size() > 1;
  for (const auto& measure : kMeasures) {
    std::vector<double> values;
    std::vector<std::string> groups;
    const std::string_view name = measure.name;
    const bool is_distance = name.starts_with("hd") || name.starts_with("assd");
    if (is_distance && (has_mixed_units || !request.options.distances)) {
      json[measure.name] = nullptr;
      continue;
    }
    for (const auto& one : scores) {
      if (!site.empty() && one.one->site != site) continue;
      if (const auto value = measure.of(one.regions[region])) {
        values.push_back(*value);
        groups.push_back(one.one->group);
      }
    }
    json[measure.name] = summary_of(values, groups, request);
  }
  json["both_empty"] = both_empty;
  json["distance_unit"] = units.size() == 1 ? Json(*units.begin()) : Json();
  return json;
}

}  // namespace

std::vector<SegmentRegion> segment_regions(const std::vector<std::string>& asked,
                                           const std::vector<std::string>& model_classes,
                                           const std::vector<std::string>& data_classes) {
  std::vector<std::string> texts = asked;
  if (texts.empty()) {
    for (std::size_t k = 1; k < data_classes.size(); ++k)
      texts.push_back(data_classes[k] + "=" + data_classes[k]);
  }
  std::vector<SegmentRegion> regions;
  for (const auto& text : texts) {
    const auto equals = text.find('=');
    if (equals == 0 || equals == std::string::npos || equals + 1 == text.size())
      throw Error(ErrorCode::invalid_argument, fmt::format("The region '{}' is not NAME=CLASS+CLASS.", text));
    SegmentRegion region{.name = text.substr(0, equals), .predicted = {}, .reference = {}};
    for (std::size_t at = equals + 1; at <= text.size();) {
      const auto end = std::min(text.find('+', at), text.size());
      const auto name = text.substr(at, end - at);
      const auto in_model = label_of(model_classes, name), in_data = label_of(data_classes, name);
      if (!in_model && !in_data)
        throw Error(
            ErrorCode::invalid_argument,
            fmt::format("The region '{}' names the class '{}', which neither the model ({}) nor the data "
                        "set ({}) has.",
                        text, name, fmt::join(model_classes, ", "), fmt::join(data_classes, ", ")));
      if (in_model) region.predicted.push_back(*in_model);
      if (in_data) region.reference.push_back(*in_data);
      at = end + 1;
    }
    if (region.predicted.empty() || region.reference.empty())
      throw Error(
          ErrorCode::incompatible,
          fmt::format("The {} knows no class of the region '{}' (the model has {}; the data set {}); name "
                      "the data set's classes as the model does, or say --regions NAME=CLASS+CLASS.",
                      region.predicted.empty() ? "model" : "data set", text, fmt::join(model_classes, ", "),
                      fmt::join(data_classes, ", ")));
    regions.push_back(std::move(region));
  }
  return regions;
}

std::vector<RegionScore> score_regions(std::span<const std::uint8_t> prediction,
                                       std::span<const std::uint8_t> reference, imaging::MaskGrid grid,
                                       bool is_spacing_known, const std::vector<SegmentRegion>& regions,
                                       const SegmentEvaluateOptions& options) {
  std::vector<RegionScore> scores;
  const auto objects_of = [&](const std::vector<std::uint8_t>& mask) -> std::optional<std::int64_t> {
    if (grid.size[2] > 1) return std::nullopt;
    imaging::Image8 image(grid.size[0], grid.size[1], 1);
    std::ranges::copy(mask, image.data());
    imaging::LabelCounter counter(grid.size[0], {{1}}, options.min_object);
    counter.add_rows(image);
    return counter.counts().front().objects;
  };
  for (const auto& region : regions) {
    const auto predicted = imaging::mask_of(prediction, region.predicted);
    const auto referenced = imaging::mask_of(reference, region.reference);
    RegionScore score{.region = region.name,
                      .overlap = imaging::measure_overlap(predicted, referenced, grid),
                      .surfaces = std::nullopt,
                      .unit = is_spacing_known ? "mm" : "px",
                      .predicted_objects = objects_of(predicted),
                      .reference_objects = objects_of(referenced)};
    if (options.distances) score.surfaces = imaging::measure_surfaces(predicted, referenced, grid);
    scores.push_back(std::move(score));
  }
  return scores;
}

std::vector<BatchRow> evaluate_segmentation(const SegmentEvaluateRequest& request,
                                            const std::function<void(const BatchRow&)>& on_row,
                                            const imaging::JobContext& job) {
  imaging::check_options(request.options);
  imaging::check_options(request.tiling);
  const auto environment = prepare_environment(request.runtime);
  const auto package = find_package(request.model);
  auto segmenter = models::Segmenter::open(package, environment.device);
  const auto data = read_segment_data(request.data, request.dataset);
  const auto regions = segment_regions(request.options.regions, segmenter.class_names(), data.class_names);
  const Evaluation evaluation(request, data, segmenter, regions);

  std::vector<const SegmentCase*> cases;
  for (const auto& one : data.cases) {
    if (!one.masks.empty()) cases.push_back(&one);
  }
  if (cases.empty())
    throw Error(ErrorCode::insufficient_data,
                fmt::format("{}: no image has truth to measure against.", request.data.string()));
  std::vector<BatchRow> rows;
  std::vector<CaseScores> scores;
  const auto total = static_cast<std::int64_t>(cases.size());
  for (const auto* one : cases) {
    job.checkpoint("images", static_cast<std::int64_t>(rows.size()), total);
    BatchRow row{.file = one->image.filename().string(), .case_name = one->name};
    run_row(row, [&](BatchRow& running) {
      auto found = evaluation.score(*one, imaging::JobContext(job.stop_token()));
      set_ending(running, 0, found.warnings);
      scores.push_back(std::move(found));
    });
    row.reason = hide_place(row.reason, {.path = one->image, .relative = row.file});
    for (const auto& mask : one->masks)
      row.reason = hide_place(row.reason, {.path = mask, .relative = mask.filename().string()});
    rows.push_back(row);
    if (on_row) on_row(row);
  }
  job.checkpoint("images", total, total);

  imaging::write_file(request.out / "metrics.csv", metrics_csv(scores, rows, regions, data));
  std::set<std::string> sites;
  for (const auto& one : scores) {
    if (!one.one->site.empty()) sites.insert(one.one->site);
  }
  Json summary{{"schema", "tessera.segmentation-metrics/1"},
               {"versions", {{"tessera", imaging::kVersion}}},
               {"notice", imaging::kResearchUse},
               {"model", {{"name", package.name()}, {"sha256", package.sha256()}}},
               {"dataset", imaging::options_to_json(request.dataset)},
               {"options", imaging::options_to_json(request.options)},
               {"tiling", imaging::options_to_json(request.tiling)},
               {"runtime", environment.to_json()},
               {"notes", data.notes},
               {"cases", scores.size()},
               {"failed", count_failed(rows)},
               {"interval", "95 % of the mean, bootstrap over groups"},
               {"regions", Json::object()}};
  if (sites.size() > 1) summary["sites"] = Json::object();
  for (std::size_t r = 0; r < regions.size(); ++r) {
    summary["regions"][regions[r].name] = region_summary(scores, r, "", request);
    if (sites.size() < 2) continue;
    for (const auto& site : sites)
      summary["sites"][site][regions[r].name] = region_summary(scores, r, site, request);
  }
  summary["inputs"] = Json::array();
  for (const auto& row : rows) summary["inputs"].push_back(to_json(row));
  imaging::write_file(request.out / "metrics.json", json_text(summary));
  return rows;
}

}  // namespace workflows
