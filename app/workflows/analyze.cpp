#include "app/workflows/analyze.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "app/workflows/batch.h"
#include "app/workflows/case_run.h"
#include "app/workflows/grade_fundus.h"
#include "app/workflows/input_kind.h"
#include "app/workflows/model_registry.h"
#include "app/workflows/segment_predict.h"
#include "app/workflows/slide_features.h"
#include "app/workflows/tile_pictures.h"
#include "imaging/base/files.h"
#include "imaging/base/options_json.h"
#include "imaging/base/process_memory.h"
#include "imaging/raster/colormap.h"
#include "imaging/raster/ome_tiff.h"
#include "imaging/raster/png.h"
#include "imaging/slide/area_resample.h"
#include "imaging/slide/reader_table.h"
#include "mil/aggregators/bag_classifier.h"

namespace workflows {
namespace fs = std::filesystem;
namespace {

using imaging::Error;
using imaging::ErrorCode;
using Json = nlohmann::ordered_json;

constexpr std::int64_t kThumbnailSide = 1600;

/// What all cases of a run share.
struct Run {
  const AnalyzeRequest& request;
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

/// Leads from the slide to the prediction, filling `result` as far as it gets.
class CaseAnalysis {
 public:
  CaseAnalysis(Run& run, const InputFile& file, CaseFolder folder, CaseResult& result)
      : run_(run), file_(file), folder_(std::move(folder)), result_(result) {}

  void execute(const imaging::JobContext& job) {
    open(job);
    const auto grid = find_tiles(job);
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
    imaging::return_freed_memory();  // and the features to the pictures
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
    refuse_fundus(*reader_, run_.model.name());
    result_.scale = imaging::resolve_scale(info, run_.request.inputs.mpp, file_.table_mpp);
    for (auto& warning : imaging::scale_warnings(info, *result_.scale))
      result_.warnings.push_back(std::move(warning));
    const auto& encoder = run_.encoder_package;
    for (auto& warning : check_scale(*result_.scale, encoder.spacing_um_px(), encoder.mpp_tolerance(),
                                     run_.request.options.allow_scale_mismatch)) {
      result_.warnings.push_back(std::move(warning));
    }
  }

  /// The mask is let go before encoding, since it grows with the slide.
  imaging::TileGrid find_tiles(const imaging::JobContext& job) {
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
    return make_grid(tissue);
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
    std::vector<imaging::RectD> rects;
    for (const auto number : encoded.numbers)
      rects.push_back(grid.rect_l0(grid.tiles()[static_cast<std::size_t>(number)]));
    write_tiles_geojson(folder_.tiles_geojson(), rects, scores.names, scores.values);
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

Run open_run(const AnalyzeRequest& request, models::ModelPackage model) {
  imaging::check_options(request.options);
  imaging::check_options(request.tissue);
  const auto& colours = imaging::find_colormap(request.options.colormap);
  auto environment = prepare_environment(request.runtime);
  auto encoder_package = find_encoder(model, request.encoder);
  auto encoder = models::open_encoder(encoder_package, environment.device);
  auto classifier = mil::open_classifier(model, environment.device);
  if (encoder->dim() != classifier->dim()) {
    throw Error(ErrorCode::incompatible,
                fmt::format("Encoder '{}' gives {} numbers per tile, model '{}' needs {}.",
                            encoder_package.name(), encoder->dim(), model.name(), classifier->dim()));
  }
  return {request,
          std::move(environment),
          std::move(model),
          std::move(encoder_package),
          std::move(encoder),
          std::move(classifier),
          colours,
          SlideSource(request.reading, request.inputs.inputs)};
}

class SlideKind : public CaseKind {
 public:
  explicit SlideKind(Run& run) : run_(run) {}

  [[nodiscard]] std::string stage() const override { return "slides"; }

  [[nodiscard]] CaseResult start(const InputFile& file) const override {
    auto result = start_case(file, run_.model);
    if (run_.model.manifest().value("trained_on_synthetic_data_only", false)) {
      result.warnings.emplace_back(
          "The model was trained on synthetic slides only; on real tissue its verdict has no meaning.");
    }
    result.encoder_name = run_.encoder_package.name();
    result.encoder_sha256 = run_.encoder_package.sha256();
    result.options = options_of(run_.request, file);
    return result;
  }

  void execute(const InputFile& file, const CaseFolder& folder, CaseResult& result,
               const imaging::JobContext& job) override {
    CaseAnalysis(run_, file, folder, result).execute(job);
  }

  [[nodiscard]] std::vector<fs::path> artefacts(const CaseFolder& folder,
                                                const CaseResult& result) const override {
    std::vector<fs::path> paths{folder.features(),  folder.attention(),     folder.overlay(),
                                folder.thumbnail(), folder.tiles_geojson(), folder.tissue_geojson()};
    for (const auto& tile : result.top_tiles) paths.push_back(folder.path / tile.image);
    return paths;
  }

  [[nodiscard]] std::vector<std::string> class_names() const override { return run_.model.class_names(); }

  [[nodiscard]] std::vector<std::string> columns() const override {
    return {"out_of_distribution", "tiles", "corrupt_tiles", "tissue_fraction", "mpp_x", "mpp_y",
            "mpp_source"};
  }

  [[nodiscard]] std::vector<std::string> cells(const CaseResult& result) const override {
    const auto& scale = result.scale;
    return {cohort_cell(result.ood),
            std::to_string(result.tiles),
            std::to_string(result.corrupt_tiles.size()),
            cohort_cell(result.tissue_fraction),
            scale ? cohort_cell(scale->mpp_x) : "",
            scale ? cohort_cell(scale->mpp_y) : "",
            scale ? scale->source : ""};
  }

 private:
  Run& run_;
};

GradeFundusRequest to_grade_request(const AnalyzeRequest& request) {
  return {.inputs = request.inputs,
          .model = request.model,
          .out = request.out,
          .options = {.fundus = request.fundus,
                      .abstention = request.options.abstention,
                      .colormap = request.options.colormap,
                      .opacity = request.options.opacity,
                      .no_report = request.options.no_report},
          .quality = {},
          .reading = request.reading,
          .runtime = request.runtime};
}

}  // namespace

RunSummary analyze(const AnalyzeRequest& request, const ReportWriter& reports,
                   const std::function<void(const RunRow&)>& on_case, const imaging::JobContext& job) {
  auto model = find_package(request.model);
  if (model.task() == "segmentation") {
    return predict_segmentation(
        {.inputs = request.inputs,
         .model = request.model,
         .out = request.out,
         .options = request.segment,
         .pictures = {.no_report = request.options.no_report, .corrupt = request.options.corrupt},
         .tiling = request.segment_tiling,
         .reading = request.reading,
         .runtime = request.runtime},
        reports, on_case, job);
  }
  if (model.task() == "fundus-grading") return grade_fundus(to_grade_request(request), reports, on_case, job);
  if (model.task() != "slide-classification") {
    throw Error(
        ErrorCode::incompatible,
        fmt::format("Model '{}' is for {}, not for slide-classification, fundus-grading or segmentation.",
                    model.name(), model.task()));
  }
  auto run = open_run(request, std::move(model));
  SlideKind kind(run);
  auto inside = imaging::options_to_json(request.inside);
  if (request.inside.inside) inside["inside"] = fs::path(*request.inside.inside).filename().string();
  const Json work{
      {"model", {{"name", run.model.name()}, {"sha256", run.model.sha256()}}},
      {"encoder", {{"name", run.encoder_package.name()}, {"sha256", run.encoder_package.sha256()}}},
      {"options", imaging::options_to_json(request.options)},
      {"tissue", imaging::options_to_json(request.tissue)},
      {"inside", std::move(inside)}};
  return run_cases(kind,
                   {.out = request.out,
                    .inputs = request.inputs,
                    .source = run.source,
                    .environment = run.environment,
                    .work = work,
                    .has_reports = !request.options.no_report},
                   reports, on_case, job);
}

}  // namespace workflows
