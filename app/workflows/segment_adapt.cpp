#include "app/workflows/segment_adapt.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "app/workflows/batch.h"
#include "app/workflows/curve_plot.h"
#include "app/workflows/inputs.h"
#include "app/workflows/mil_run.h"
#include "app/workflows/model_registry.h"
#include "app/workflows/run_environment.h"
#include "app/workflows/segment_image.h"
#include "app/workflows/segment_input.h"
#include "imaging/base/csv.h"
#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/base/json_text.h"
#include "imaging/base/log.h"
#include "imaging/base/options_json.h"
#include "imaging/fundus/fundus_reader.h"
#include "imaging/raster/label_outlines.h"
#include "imaging/raster/png.h"
#include "imaging/slide/volume.h"
#include "models/adaptation/adapt_segmenter.h"
#include "models/segmentation/segmenter_facts.h"

namespace workflows {
namespace fs = std::filesystem;
namespace {

using imaging::Error;
using imaging::ErrorCode;
using imaging::Image8;
using Json = nlohmann::ordered_json;

constexpr std::size_t kShownPictures = 6;
constexpr std::int64_t kShownSide = 256;

std::string cell(double value) {
  return std::isfinite(value) ? fmt::format("{}", value) : "";
}

void write_log(const fs::path& out, const std::vector<models::AdaptStep>& log) {
  auto text = imaging::csv_line(
      {"iteration", "consistency", "entropy", "entropy_weight", "source_share", "mean_alpha"});
  PlotLine entropy{"entropy", {}}, held{"scale and shift", {}};
  const auto finite = [](double value) { return std::isfinite(value) ? std::optional(value) : std::nullopt; };
  for (const auto& step : log) {
    text += imaging::csv_line({std::to_string(step.iteration), cell(step.consistency), cell(step.entropy),
                               cell(step.entropy_weight), cell(step.source_share), cell(step.mean_alpha)});
    entropy.values.push_back(finite(step.entropy));
    held.values.push_back(finite(step.consistency));
  }
  imaging::write_file(out / "log.csv", text);
  if (!log.empty())
    write_curve_plot(out / "log.svg",
                     {{"Entropy", {entropy}, {}, {}}, {"Distance from the source", {held}, {}, {}}}, 0);
}

void paste(Image8& into, const Image8& part, std::int64_t x, std::int64_t y) {
  for (std::int64_t row = 0; row < part.height(); ++row)
    std::copy_n(part.row(row), part.width() * 3, into.pixel(x, y + row));
}

/// The labels of the picture's pixels, without those of what it was padded by at the right and the bottom.
Image8 without_padding(const Image8& labels, const Image8& picture) {
  Image8 part(picture.width(), picture.height(), 1);
  for (std::int64_t y = 0; y < part.height(); ++y) std::copy_n(labels.row(y), part.width(), part.row(y));
  return part;
}

imaging::SizeI scaled(const Image8& image, double scale) {
  const auto side = [&](std::int64_t length) {
    return std::max<std::int64_t>(1, std::llround(scale * static_cast<double>(length)));
  };
  return {side(image.width()), side(image.height())};
}

/// Rows of picture, source's answer, adapted answer.
void write_grid(const fs::path& path, const models::AdaptTarget& target, const models::AdaptResult& result,
                const std::function<Image8(std::size_t)>& shown) {
  const auto rows = std::min(kShownPictures, result.pictures.size());
  Image8 grid(3 * kShownSide, static_cast<std::int64_t>(rows) * kShownSide, 3, 255);
  for (std::size_t i = 0; i < rows; ++i) {
    const auto& one = result.pictures[i * result.pictures.size() / rows];
    const auto found = std::find(target.names.begin(), target.names.end(), one.name);
    const auto picture = shown(static_cast<std::size_t>(found - target.names.begin()));
    // Labels lie on the picture as the network saw it.
    const double scale =
        std::min(static_cast<double>(one.source.width()) / static_cast<double>(picture.width()),
                 static_cast<double>(one.source.height()) / static_cast<double>(picture.height()));
    const auto seen = imaging::resize(picture, scaled(picture, scale));
    const double fit =
        static_cast<double>(kShownSide) / static_cast<double>(std::max(seen.width(), seen.height()));
    const auto size = scaled(seen, fit);
    const auto y = static_cast<std::int64_t>(i) * kShownSide;
    paste(grid, imaging::resize(seen, size), 0, y);
    paste(grid, imaging::resize(imaging::paint_labels(seen, without_padding(one.source, seen)), size),
          kShownSide, y);
    paste(grid, imaging::resize(imaging::paint_labels(seen, without_padding(one.adapted, seen)), size),
          2 * kShownSide, y);
  }
  imaging::write_png(path, grid);
}

/// What is adapted to: pictures, and the slices of volumes.
class Target {
 public:
  Target(const SegmentAdaptRequest& request, const std::vector<InputFile>& files,
         const models::SegmenterFacts& facts, const imaging::JobContext& job)
      : pictures_(request.reading, request.inputs.inputs), files_(files), facts_(facts), job_(job) {
    for (std::size_t i = 0; i < files.size(); ++i) {
      if (!imaging::is_volume(files[i].path)) {
        places_.push_back({.file = i, .z = 0, .is_slice = false});
        continue;
      }
      try {
        for (const auto z : slices_with_content(imaging::read_volume(files[i].path)))
          places_.push_back({.file = i, .z = z, .is_slice = true});
      } catch (const Error&) {
        places_.push_back(
            {.file = i, .z = 0, .is_slice = true});  // left out, with the reason, when it is read
      }
    }
  }

  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& place : places_) {
      const auto& name = files_[place.file].relative;
      names.push_back(place.is_slice ? fmt::format("{}, slice {}", name, place.z + 1) : name);
    }
    return names;
  }
  [[nodiscard]] imaging::ImageF read(std::size_t i) {
    const auto& place = places_[i];
    return place.is_slice ? slices_of(place.file).slice(place.z) : picture_of(place.file).picture;
  }
  /// For people.
  [[nodiscard]] Image8 show(std::size_t i) const {
    const auto& place = places_[i];
    return place.is_slice ? show_slice(imaging::read_volume(files_[place.file].path), place.z)
                          : picture_of(place.file).shown;
  }

 private:
  struct Place {
    std::size_t file;
    std::int64_t z;
    bool is_slice;
  };

  [[nodiscard]] SegmentInput picture_of(std::size_t file) const {
    const auto reader = pictures_.open(files_[file].path, job_);
    return segment_input(imaging::read_fundus(*reader).pixels, {}, facts_);
  }
  const VolumeSlices& slices_of(std::size_t file) {
    if (open_ != file) {
      std::vector<std::string> warnings;
      slices_.emplace(imaging::read_volume(files_[file].path), facts_, warnings);
      open_ = file;
      for (const auto& warning : warnings)
        imaging::log(imaging::LogLevel::warning, files_[file].relative + ": " + warning);
    }
    return *slices_;
  }

  SlideSource pictures_;
  const std::vector<InputFile>& files_;
  const models::SegmenterFacts& facts_;
  const imaging::JobContext& job_;
  std::vector<Place> places_;
  std::optional<std::size_t> open_;  // the volume that is in memory
  std::optional<VolumeSlices> slices_;
};

Json monitors_json(const models::MonitorReading& reading, const std::vector<std::string>& class_names) {
  Json shares = Json::object();
  for (std::size_t k = 0; k < reading.shares.size(); ++k) shares[class_names[k]] = reading.shares[k];
  return {
      {"entropy", reading.entropy}, {"class_shares", shares}, {"mirror_consistency", reading.consistency}};
}

/// The parent's name, the site's and the start of the target's hash: two adapted packages can be told apart,
/// and the same pictures give the same package in any folder.
std::string adapted_name(const models::ModelPackage& source, const std::string& site,
                         const std::string& target) {
  constexpr std::size_t kShown = 8;
  return fmt::format("{}-{}{}{}", source.name(), site, site.empty() ? "" : "-", target.substr(0, kShown));
}

/// A run that is refused leaves nothing that would stand in the way of the next one.
template <typename Work>
auto clearing_up(const fs::path& out, const Work& work) {
  try {
    return work();
  } catch (const Error&) {
    std::error_code ignored;
    fs::remove(out / "config.json", ignored);
    fs::remove(out, ignored);  // where it is empty
    throw;
  }
}

Json adapt_site(const SegmentAdaptRequest& request, const models::ModelPackage& source,
                const std::vector<InputFile>& files, const std::string& site, const fs::path& out,
                const RunEnvironment& environment, const imaging::JobContext& job) {
  const auto facts = models::segmenter_facts_of(source.manifest());
  models::AdaptTarget target;
  std::string hashes;
  for (std::size_t i = 0; i < files.size(); ++i) {
    job.checkpoint("hashing", static_cast<std::int64_t>(i), static_cast<std::int64_t>(files.size()));
    hashes += files[i].relative + " " + imaging::sha256_of_file(files[i].path, job.stop_token()) + "\n";
  }
  target.sha256 = imaging::sha256_of(hashes);
  auto settings = imaging::options_to_json(request.options);
  settings.update(imaging::options_to_json(request.guard));
  const Json identity{{"schema", "tessera.adaptation-run/1"},
                      {"parent", source.sha256()},
                      {"target", target.sha256},
                      {"options", settings},
                      {"seed", request.runtime.seed}};
  check_run_folder(out, identity, {"model", "adaptation.json"});
  const auto finished = out / "adaptation.json";
  if (fs::exists(finished)) {
    auto record = imaging::parse_json<Json>(imaging::read_file(finished), finished.string());
    record["was_finished"] = true;
    return record;
  }
  Target pictures(request, files, facts, job);
  target.names = pictures.names();
  target.read = [&](std::size_t i) { return pictures.read(i); };
  const bool was_begun = fs::exists(out / "config.json");
  write_run_config(out, identity);
  fs::remove_all(out / "model");  // of this very run, stopped between package and record
  const auto adapt = [&] {
    return models::adapt_segmenter(source, target,
                                   {.options = request.options,
                                    .guard = request.guard,
                                    .seed = static_cast<std::uint64_t>(request.runtime.seed),
                                    .device = environment.device,
                                    .checkpoint = out / "checkpoint.safetensors",
                                    .name = adapted_name(source, site, target.sha256)},
                                   out / "model", job);
  };
  const auto result = was_begun ? adapt() : clearing_up(out, adapt);
  write_log(out, result.log);
  write_grid(out / "before_after.png", target, result, [&](std::size_t i) { return pictures.show(i); });
  for (const auto& reason : result.left_out) imaging::log(imaging::LogLevel::warning, reason);
  for (const auto& reason : result.verdict.tripped) {
    imaging::log(
        imaging::LogLevel::warning,
        fmt::format("{}: {}.", result.is_rolled_back ? "Rolled back to the source" : "A monitor tripped",
                    reason));
  }
  Json record{
      {"site", site},
      {"strategy", request.options.adapt},
      {"parent", {{"name", source.name()}, {"sha256", source.sha256()}}},
      {"target", {{"sha256", target.sha256}, {"pictures", target.names.size() - result.left_out.size()}}},
      {"steps", result.stopped_at},
      {"source", monitors_json(result.source, facts.class_names)},
      {"adapted", monitors_json(result.adapted, facts.class_names)},
      {"agreement", result.verdict.agreement},
      {"is_source_doubtful", result.verdict.is_source_doubtful},
      {"tripped", result.verdict.tripped},
      {"is_rolled_back", result.is_rolled_back},
      {"left_out", result.left_out},
      {"model_sha256", result.package_sha256},
      {"notice", "Research software, not for diagnosis."},
      {"runtime", environment.to_json()},
      {"finished", utc_now()}};
  imaging::write_file(finished, json_text(record));
  record["was_finished"] = false;
  return record;
}

}  // namespace

Json adapt_segmentation(const SegmentAdaptRequest& request, const imaging::JobContext& job) {
  imaging::check_options(request.options);
  imaging::check_options(request.guard);
  const auto environment = prepare_environment(request.runtime);
  const auto source = find_package(request.model);
  if (source.task() != "segmentation") {
    throw Error(ErrorCode::incompatible, fmt::format("Package {} is for the task '{}', not a segmentation.",
                                                     source.name(), source.task()));
  }
  const auto list = collect_inputs(request.inputs, request.out, job);
  auto records = Json::array();
  if (!request.sites.per_site) {
    records.push_back(adapt_site(request, source, list.files, "", request.out, environment, job));
    return records;
  }
  std::map<std::string, std::vector<InputFile>> sites;
  for (const auto& file : list.files) {
    const auto site = file.site.value_or("");
    if (site.empty() || site.find_first_of("/\\") != std::string::npos || site.front() == '.') {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("{} has {} in the column `site` of the --table.", file.relative,
                              site.empty() ? "nothing" : "'" + site + "', which cannot name a folder,"));
    }
    sites[site].push_back(file);
  }
  for (const auto& [site, files] : sites)
    records.push_back(adapt_site(request, source, files, site, request.out / site, environment, job));
  return records;
}

}  // namespace workflows
