#include "app/workflows/analyze.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "app/workflows/batch.h"
#include "app/workflows/inputs.h"
#include "app/workflows/model_registry.h"
#include "app/workflows/run_environment.h"
#include "app/workflows/slide_features.h"
#include "app/workflows/tile_pictures.h"
#include "app/workflows/write_reports.h"
#include "imaging/base/csv.h"
#include "imaging/base/files.h"
#include "imaging/base/log.h"
#include "imaging/base/options_json.h"
#include "imaging/base/process_memory.h"
#include "imaging/base/version.h"
#include "imaging/raster/colormap.h"
#include "imaging/raster/ome_tiff.h"
#include "imaging/raster/png.h"
#include "imaging/slide/area_resample.h"
#include "imaging/slide/file_identity.h"
#include "imaging/slide/reader_table.h"
#include "mil/aggregators/bag_classifier.h"
#include "models/runtime/device.h"

namespace workflows {
namespace fs = std::filesystem;
namespace {

using imaging::Error;
using imaging::ErrorCode;
using Json = nlohmann::ordered_json;

constexpr std::int64_t kThumbnailSide = 1600;
constexpr std::string_view kUnfinishedPrefix = ".unfinished-";

/// What all cases of a run share.
struct Run {
  const AnalyzeRequest& request;
  const ReportWriter& reports;
  RunEnvironment environment;
  models::ModelPackage model;
  models::ModelPackage encoder_package;
  std::unique_ptr<models::Encoder> encoder;
  std::unique_ptr<mil::BagClassifier> classifier;
  const imaging::Colormap& colours;
  SlideSource source;
};

/// All that decides a case's result besides its pixels and the packages.
Json options_of(const AnalyzeRequest& request, const InputFile& file) {
  Json options = imaging::options_to_json(request.options);
  options["tissue"] = imaging::options_to_json(request.tissue);
  options["mpp"] = request.inputs.mpp ? Json(*request.inputs.mpp) : Json();
  options["table_mpp"] = file.table_mpp ? Json(*file.table_mpp) : Json();
  options["seed"] = request.runtime.seed;
  if (request.inside.inside) options["inside"] = inside_json(request.inside, file.path);
  return options;
}

CaseResult start_result(const Run& run, const InputFile& file) {
  CaseResult result;
  result.case_name = file.case_name;
  result.patient = file.patient;
  result.laterality = file.laterality;
  result.label = file.label;
  result.site = file.site;
  result.file = file.relative;
  result.model_name = run.model.name();
  result.model_sha256 = run.model.sha256();
  result.model_architecture = run.model.architecture();
  const auto& manifest = run.model.manifest();
  result.model_intended_use = manifest.value("intended_use", "");
  result.model_limitations = manifest.value("limitations", "");
  if (manifest.value("trained_on_synthetic_data_only", false)) {
    result.warnings.emplace_back(
        "The model was trained on synthetic slides only; on real tissue its verdict has no meaning.");
  }
  result.encoder_name = run.encoder_package.name();
  result.encoder_sha256 = run.encoder_package.sha256();
  result.options = options_of(run.request, file);
  result.versions = {{"tessera", std::string(imaging::kVersion)}, {"libtorch", models::torch_version()}};
  return result;
}

/// Leads from the slide to the prediction, filling `result` as far as it gets.
class CaseAnalysis {
 public:
  CaseAnalysis(Run& run, const InputFile& file, CaseFolder folder, CaseResult& result)
      : run_(run), file_(file), folder_(std::move(folder)), result_(result) {}

  void execute(const imaging::JobContext& job) {
    open(job);
    auto tissue = imaging::find_tissue(*reader_, *result_.scale, run_.request.tissue, job);
    if (run_.request.inside.inside) {
      tissue = tissue_inside_annotations(tissue, run_.request.inside, file_.path, result_.size_l0);
      result_.warnings.emplace_back("Only the tissue inside the annotations was analysed.");
    }
    result_.tissue_fraction = tissue.area_fraction();
    result_.tissue_rejected = tissue.rejected();
    for (auto& warning : rejection_warnings(tissue.rejected()))
      result_.warnings.push_back(std::move(warning));
    imaging::write_file(folder_.tissue_geojson(), tissue.to_geojson());
    const auto grid = make_grid(tissue);
    const auto& options = run_.request.options;
    auto stain = measure_slide_stain(*reader_, grid, stain_target_of(run_.encoder_package));
    result_.stain = stain.record;
    for (auto& warning : stain.warnings) result_.warnings.push_back(hide_place(warning, file_));
    mil::BagWriter bag(folder_.features(), run_.encoder->dim());
    const auto encoded = encode_tiles(*reader_, grid, *run_.encoder, stain, options.batch, options.corrupt,
                                      run_.environment.threads.decode, bag, job);
    result_.tiles = bag.count();
    result_.corrupt_tiles = encoded.corrupt;
    for (auto& tile : result_.corrupt_tiles) tile.reason = hide_place(tile.reason, file_);
    if (!encoded.corrupt.empty()) {
      result_.status = "degraded";
      result_.reason = fmt::format("{} of {} tissue tiles are corrupt and were left out.",
                                   encoded.corrupt.size(), grid.tiles().size());
      result_.warnings.push_back(result_.reason);
    }
    imaging::return_freed_memory();  // what encoding needed gives way to the features
    const auto prediction = run_.classifier->predict(bag.read_back(file_.case_name));
    take_prediction(prediction);
    bag.finish(tile_corners(grid, encoded.numbers),
               {.coords_attributes = coords_attributes(grid, reader_->info(), file_.case_name, false),
                .features_attributes = features_attributes(run_.encoder_package, stain),
                .scores = prediction.tile_scores});
    paint(grid, encoded, prediction.tile_scores);
    cut_top_tiles(grid, encoded, prediction.tile_scores);
    job.checkpoint("tiles", static_cast<std::int64_t>(grid.tiles().size()),
                   static_cast<std::int64_t>(grid.tiles().size()));
  }

 private:
  void open(const imaging::JobContext& job) {
    reader_ = run_.source.open(file_.path, job);
    const auto& info = reader_->info();
    result_.reader = info.reader;
    result_.reader_version = info.reader_version;
    result_.vendor = info.vendor;
    result_.size_l0 = info.size_l0();
    for (const auto& warning : info.warnings) result_.warnings.push_back(hide_place(warning, file_));
    result_.versions.emplace_back(info.reader, info.reader_version);
    result_.scale = imaging::resolve_scale(info, run_.request.inputs.mpp, file_.table_mpp);
    for (auto& warning : imaging::scale_warnings(info, *result_.scale))
      result_.warnings.push_back(std::move(warning));
    const auto& encoder = run_.encoder_package;
    for (auto& warning : check_scale(*result_.scale, encoder.spacing_um_px(), encoder.mpp_tolerance(),
                                     run_.request.options.allow_scale_mismatch)) {
      result_.warnings.push_back(std::move(warning));
    }
  }

  imaging::TileGrid make_grid(const imaging::TissueMask& tissue) {
    const auto& options = run_.request.options;
    result_.tile_mpp = tile_mpp_on(*result_.scale, run_.encoder_package.spacing_um_px());
    result_.tile_px = run_.encoder_package.patch_size_pixels();
    result_.overlap_px = options.overlap_px;
    auto grid = tissue_grid(reader_->info(), *result_.scale,
                            {.tile_mpp = result_.tile_mpp,
                             .tile_px = result_.tile_px,
                             .overlap_px = options.overlap_px,
                             .min_tissue = options.min_tissue},
                            tissue);
    result_.grid_columns = grid.columns();
    result_.grid_rows = grid.rows();
    result_.tile_side_l0 = grid.side_l0();
    result_.tile_stride_l0 = grid.stride_l0();
    return grid;
  }

  void take_prediction(const mil::SlidePrediction& prediction) {
    const auto& probabilities = prediction.probabilities;
    for (std::size_t c = 0; c < prediction.class_names.size(); ++c) {
      result_.probabilities.emplace_back(prediction.class_names[c], probabilities[c]);
      result_.logits.emplace_back(prediction.class_names[c], prediction.logits[c]);
    }
    const auto rule = rule_for(decision_rule_of(run_.model, run_.request.options.abstention), prediction);
    if (prediction.out_of_distribution) result_.ood = prediction.out_of_distribution->score;
    const auto decision = decide(rule, probabilities, result_.ood);
    verdict_ = decision.class_index;
    result_.verdict = decision.verdict(prediction.class_names);
    result_.likeliest = prediction.class_names[verdict_];
    result_.abstention = decision.abstention;
    result_.decision = rule.to_json();
    result_.score_kind = prediction.tile_scores.kind;
    result_.score_names = prediction.tile_scores.names;
  }

  /// The scores shown where there is one per class: the verdict's.
  [[nodiscard]] std::size_t shown_channel() const {
    return verdict_ < result_.score_names.size() ? verdict_ : 0;
  }

  void paint(const imaging::TileGrid& grid, const EncodedTiles& encoded, const mil::TileScores& scores) {
    const auto raster = imaging::paint_scores(grid, encoded.numbers, scores.values, scores.names);
    imaging::write_ome_tiff(folder_.attention(), raster);
    const std::size_t channels = scores.names.size();
    for (std::size_t k = 0; k < channels; ++k) {
      float low = scores.values[k], high = scores.values[k];
      for (std::size_t i = k; i < scores.values.size(); i += channels) {
        low = std::min(low, scores.values[i]);
        high = std::max(high, scores.values[i]);
      }
      result_.score_ranges.emplace_back(low, high);
    }
    const auto thumbnail = imaging::read_overview(*reader_, kThumbnailSide);
    imaging::write_png(folder_.thumbnail(), thumbnail);
    const auto channel = static_cast<int>(shown_channel());
    const auto range = imaging::painted_range(raster, channel);
    imaging::write_png(folder_.overlay(),
                       imaging::blend_heatmap(
                           thumbnail, result_.size_l0, raster, channel, run_.colours,
                           {.low = range.low, .high = range.high, .opacity = run_.request.options.opacity}));
    write_tiles_geojson(folder_.tiles_geojson(), grid, encoded.numbers, scores);
  }

  void cut_top_tiles(const imaging::TileGrid& grid, const EncodedTiles& encoded,
                     const mil::TileScores& scores) {
    const std::size_t channels = scores.names.size();
    const auto score_of = [&](std::size_t row) { return scores.values[row * channels + shown_channel()]; };
    std::vector<std::size_t> order(encoded.numbers.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto count = std::min(order.size(), static_cast<std::size_t>(run_.request.options.top_tiles));
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                      [&](std::size_t a, std::size_t b) {
                        return score_of(a) != score_of(b) ? score_of(a) > score_of(b) : a < b;
                      });
    for (std::size_t rank = 0; rank < count; ++rank) {
      const auto row = order[rank];
      TopTile tile;
      tile.number = static_cast<std::int64_t>(row);
      tile.rect_l0 = grid.rect_l0(grid.tiles()[static_cast<std::size_t>(encoded.numbers[row])]);
      const auto first = scores.values.begin() + static_cast<std::ptrdiff_t>(row * channels);
      tile.scores.assign(first, first + static_cast<std::ptrdiff_t>(channels));
      tile.image = fmt::format("top_tiles/{:02}.png", rank + 1);
      imaging::write_png(folder_.path / tile.image,
                         imaging::read_area(*reader_, tile.rect_l0, {result_.tile_px, result_.tile_px}));
      result_.top_tiles.push_back(std::move(tile));
    }
  }

  Run& run_;
  const InputFile& file_;
  CaseFolder folder_;
  CaseResult& result_;
  std::unique_ptr<imaging::SlideReader> reader_;
  std::size_t verdict_ = 0;
};

/// A case folder in the making; gone unless it was put in its place.
struct UnfinishedFolder {
  fs::path path;
  ~UnfinishedFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

/// Puts a finished folder in the place of the case's earlier one.
void replace_folder(const fs::path& finished, const fs::path& target) {
  std::error_code error;
  const auto old =
      target.parent_path() / (std::string(kUnfinishedPrefix) + "old-" + target.filename().string());
  fs::remove_all(old, error);
  if (fs::exists(target, error)) fs::rename(target, old, error);
  fs::rename(finished, target, error);
  if (error) {
    throw Error(ErrorCode::io_error, fmt::format("Cannot put the case folder '{}' in its place: {}.",
                                                 target.string(), error.message()));
  }
  fs::remove_all(old, error);
}

/// Writes a whole case, failed ones too, into a hidden folder and renames it at the end.
CaseResult analyze_case(Run& run, const InputFile& file, const imaging::JobContext& job) {
  const auto target = run.request.out / "cases" / file.case_name;
  const CaseFolder folder{target.parent_path() / (std::string(kUnfinishedPrefix) + file.case_name)};
  const UnfinishedFolder unfinished{folder.path};
  std::error_code error;
  fs::remove_all(folder.path, error);
  fs::create_directories(folder.path, error);
  if (error)
    throw Error(ErrorCode::io_error,
                fmt::format("Cannot make the folder '{}': {}.", folder.path.string(), error.message()));

  auto result = start_result(run, file);
  ParallelHash hash(file.path);
  const auto outcome = imaging::run_job(
      [&](const imaging::JobContext& inner) {
        imaging::while_unchanged(file.path, [&] {
          CaseAnalysis(run, file, folder, result).execute(inner);
          (void)hash.get(inner.stop_token());  // reads the file too
        });
      },
      job);
  if (outcome.status == imaging::JobStatus::cancelled) throw imaging::Cancelled{};
  if (outcome.status == imaging::JobStatus::failed) {
    // What was written before the failure must not look like a result.
    fs::remove_all(folder.path, error);
    fs::create_directories(folder.path, error);
    result.status = "failed";
    result.reason_code = imaging::to_string(outcome.code.value_or(ErrorCode::internal));
    result.reason = hide_place(outcome.message, file);
    result.verdict.reset();
    result.likeliest.clear();
    result.abstention.clear();
    result.ood.reset();
    result.decision = {};
    result.probabilities.clear();
    result.logits.clear();
    result.score_kind.clear();
    result.score_names.clear();
    result.score_ranges.clear();
    result.top_tiles.clear();
    result.tiles = 0;
  }
  try {
    result.sha256 = hash.get(job.stop_token());
    result.size_bytes = stamp_without_hash(file.path).size_bytes;
  } catch (const Error&) {
    result.sha256.clear();  // a file that is not there has none, and the reason already says so
  }
  folder.write_result(result);
  if (!run.request.options.no_report) run.reports.write(folder, printed_now());
  replace_folder(folder.path, target);
  return result;
}

/// False where something of a finished case was deleted or cut to nothing since.
bool holds_every_artefact(const CaseFolder& folder, const CaseResult& result, bool has_reports) {
  std::vector<fs::path> paths{folder.features(),  folder.attention(),     folder.overlay(),
                              folder.thumbnail(), folder.tiles_geojson(), folder.tissue_geojson()};
  if (has_reports) paths.insert(paths.end(), {folder.report_html(), folder.report_pdf()});
  for (const auto& tile : result.top_tiles) paths.push_back(folder.path / tile.image);
  return std::all_of(paths.begin(), paths.end(), &is_file_with_content);
}

bool is_done_before(const Run& run, const InputFile& file, const BatchRow* before,
                    const imaging::JobContext& job, CaseResult& result) {
  const CaseFolder folder{run.request.out / "cases" / file.case_name};
  std::error_code ignored;
  if (!fs::exists(folder.result(), ignored)) return false;
  try {
    result = folder.read_result();
  } catch (const Error&) {
    return false;
  }
  const auto expected = start_result(run, file);
  const bool same_work = result.status != "failed" && result.file == expected.file &&
                         result.model_sha256 == expected.model_sha256 &&
                         result.encoder_sha256 == expected.encoder_sha256 &&
                         result.patient == expected.patient && result.laterality == expected.laterality &&
                         result.label == expected.label && result.site == expected.site &&
                         nlohmann::json(result.options) == nlohmann::json(expected.options);
  if (!same_work || !holds_every_artefact(folder, result, !run.request.options.no_report)) return false;
  InputStamp stamp{.size_bytes = result.size_bytes, .mtime_ns = 0, .sha256 = result.sha256};
  if (before != nullptr && before->stamp.sha256 == result.sha256) stamp = before->stamp;
  return is_unchanged(file.path, stamp, job.stop_token());
}

std::string cell(double value) {
  return fmt::format("{}", value);
}

void write_cohort(const fs::path& out, const std::vector<std::string>& class_names,
                  const std::vector<RunRow>& rows) {
  std::vector<std::string> header{"file",   "case",        "patient", "laterality", "label",     "site",
                                  "status", "reason_code", "reason",  "verdict",    "abstention"};
  for (const auto& name : class_names) header.push_back("probability_" + name);
  for (const char* name : {"out_of_distribution", "tiles", "corrupt_tiles", "tissue_fraction", "mpp_x",
                           "mpp_y", "mpp_source", "warnings"})
    header.emplace_back(name);
  std::string text = imaging::csv_line(header);
  for (const auto& row : rows) {
    const auto result = row.result.value_or(CaseResult{});
    std::vector<std::string> cells{row.file,
                                   row.case_name,
                                   result.patient.value_or(""),
                                   result.laterality.value_or(""),
                                   result.label.value_or(""),
                                   result.site.value_or(""),
                                   row.result ? result.status : row.status,
                                   row.reason_code,
                                   row.reason,
                                   result.verdict.value_or(""),
                                   result.abstention};
    for (const auto& name : class_names) {
      const auto found = std::find_if(result.probabilities.begin(), result.probabilities.end(),
                                      [&](const auto& pair) { return pair.first == name; });
      cells.push_back(found == result.probabilities.end() ? "" : cell(found->second));
    }
    cells.push_back(result.ood ? cell(*result.ood) : "");
    cells.push_back(std::to_string(result.tiles));
    cells.push_back(std::to_string(result.corrupt_tiles.size()));
    cells.push_back(cell(result.tissue_fraction));
    cells.push_back(result.scale ? cell(result.scale->mpp_x) : "");
    cells.push_back(result.scale ? cell(result.scale->mpp_y) : "");
    cells.push_back(result.scale ? result.scale->source : "");
    cells.push_back(fmt::format("{}", fmt::join(result.warnings, " ")));
    text += imaging::csv_line(cells);
  }
  imaging::write_file(out / "cohort.csv", text);
}

/// The manifests list the inputs of one run; cases of other inputs keep their folders and need a word.
void warn_of_other_cases(const fs::path& out, const std::vector<InputFile>& files) {
  std::set<std::string> names;
  for (const auto& file : files) names.insert(file.case_name);
  std::error_code ignored;
  std::int64_t others = 0;
  for (const auto& entry : fs::directory_iterator(out / "cases", ignored))
    others += names.contains(entry.path().filename().string()) ? 0 : 1;
  if (others == 0) return;
  imaging::log(imaging::LogLevel::warning,
               fmt::format("The output folder holds {} cases that are not among these inputs; they stay as "
                           "they are, and run.json and cohort.csv list this run's inputs alone.",
                           others));
}

Run open_run(const AnalyzeRequest& request, const ReportWriter& reports) {
  imaging::check_options(request.options);
  imaging::check_options(request.tissue);
  const auto& colours = imaging::find_colormap(request.options.colormap);
  auto environment = prepare_environment(request.runtime);
  auto model = find_package(request.model);
  if (model.task() != "slide-classification") {
    throw Error(ErrorCode::incompatible, fmt::format("Model '{}' is for {}, not for slide-classification.",
                                                     model.name(), model.task()));
  }
  auto encoder_package = find_encoder(model, request.encoder);
  auto encoder = models::open_encoder(encoder_package, environment.device);
  auto classifier = mil::open_classifier(model, environment.device);
  if (encoder->dim() != classifier->dim()) {
    throw Error(ErrorCode::incompatible,
                fmt::format("Encoder '{}' gives {} numbers per tile, model '{}' needs {}.",
                            encoder_package.name(), encoder->dim(), model.name(), classifier->dim()));
  }
  return {request,
          reports,
          std::move(environment),
          std::move(model),
          std::move(encoder_package),
          std::move(encoder),
          std::move(classifier),
          colours,
          SlideSource(request.reading, request.inputs.inputs)};
}

}  // namespace

bool RunSummary::has_failures() const {
  return std::any_of(rows.begin(), rows.end(), [](const RunRow& row) { return row.status == "failed"; });
}

void remove_unfinished_cases(const fs::path& out) {
  std::error_code error;
  std::vector<fs::path> unfinished;
  for (const auto& entry : fs::directory_iterator(out / "cases", error)) {
    if (entry.path().filename().string().starts_with(kUnfinishedPrefix)) unfinished.push_back(entry.path());
  }
  for (const auto& path : unfinished) fs::remove_all(path, error);
}

RunSummary analyze(const AnalyzeRequest& request, const ReportWriter& reports,
                   const std::function<void(const RunRow&)>& on_case, const imaging::JobContext& job) {
  auto run = open_run(request, reports);
  const auto files = collect_inputs(request.inputs, request.out, job).files;
  remove_unfinished_cases(request.out);
  warn_of_other_cases(request.out, files);

  const auto manifest_path = request.out / "run.json";
  const auto earlier = read_earlier_rows(manifest_path);
  Json manifest{{"schema", "tessera.run/1"},
                {"versions", {{"tessera", imaging::kVersion}, {"libtorch", models::torch_version()}}},
                {"model", {{"name", run.model.name()}, {"sha256", run.model.sha256()}}},
                {"encoder", {{"name", run.encoder_package.name()}, {"sha256", run.encoder_package.sha256()}}},
                {"options", imaging::options_to_json(request.options)},
                {"tissue", imaging::options_to_json(request.tissue)},
                {"inside", imaging::options_to_json(request.inside)},
                {"inputs_options", imaging::options_to_json(request.inputs)},
                {"reading", run.source.to_json()},
                {"runtime", run.environment.to_json()},
                {"notice", imaging::kResearchUse},
                {"started", utc_now()},
                {"finished", Json()},
                {"inputs", Json::array()}};
  if (request.inputs.table)
    manifest["inputs_options"]["table"] = fs::path(*request.inputs.table).filename().string();
  if (request.inside.inside)
    manifest["inside"]["inside"] = fs::path(*request.inside.inside).filename().string();

  RunSummary summary{.out = request.out, .rows = {}};
  const auto total = static_cast<std::int64_t>(files.size());
  bool has_changed = earlier.size() != files.size();
  const auto write_manifests = [&] {
    imaging::write_file(manifest_path, json_text(manifest));
    write_cohort(request.out, run.model.class_names(), summary.rows);
  };
  for (const auto& file : files) {
    job.checkpoint("slides", static_cast<std::int64_t>(summary.rows.size()), total);
    RunRow row{.file = file.relative, .case_name = file.case_name};
    BatchRow record{
        .file = file.relative, .case_name = file.case_name, .stamp = stamp_without_hash(file.path)};
    const auto* before = find_row(earlier, file.case_name);
    CaseResult known;
    if (is_done_before(run, file, before, job, known)) {
      record.status = known.status;
      record.seconds = before != nullptr ? before->seconds : 0;
      row.status = "skipped";
      row.reason = known.reason;
      row.result = std::move(known);
      has_changed = has_changed || before == nullptr || before->stamp.mtime_ns != record.stamp.mtime_ns;
    } else {
      has_changed = true;
      run_row(record, [&](BatchRow& running) {
        row.result = analyze_case(run, file, job);
        running.status = row.result->status;
        running.reason_code = row.result->reason_code;
        running.reason = row.result->reason;
      });
      record.reason = hide_place(record.reason, file);
      row.status = record.status;
      row.reason_code = record.reason_code;
      row.reason = record.reason;
      row.seconds = record.seconds;
    }
    if (row.result) {
      record.reason = row.result->reason;
      record.tiles = row.result->tiles;
      record.stamp.sha256 = row.result->sha256;
    }
    manifest["inputs"].push_back(to_json(record));
    summary.rows.push_back(std::move(row));
    if (has_changed) write_manifests();
    if (on_case) on_case(summary.rows.back());
  }
  job.checkpoint("slides", total, total);
  if (has_changed) {
    manifest["finished"] = utc_now();
    write_manifests();
  }
  return summary;
}

}  // namespace workflows
