#include "tests/gui/painted_case.h"

#include <QApplication>
#include <QElapsedTimer>
#include <QTest>
#include <algorithm>
#include <array>

#include "app/gui/theme.h"
#include "app/workflows/case_folder.h"
#include "imaging/raster/label_outlines.h"
#include "imaging/raster/label_png.h"
#include "imaging/raster/ome_tiff.h"
#include "imaging/raster/png.h"

namespace gui {

void ensure_application() {
  static int argc = 1;
  static char name[] = "tessera-studio-tests";
  static char* argv[] = {name, nullptr};
  static auto* application = [] {
    auto* made = new QApplication(argc, argv);
    apply_theme(*made);
    return made;
  }();
  Q_UNUSED(application);
}

imaging::Image8 painted_image() {
  imaging::Image8 image(1600, 1200, 3, 255);
  const auto fill = [&image](std::int64_t left, std::int64_t top, std::int64_t side,
                             std::array<std::uint8_t, 3> colour) {
    for (auto y = top; y < top + side; ++y) {
      for (auto x = left; x < left + side; ++x) std::copy(colour.begin(), colour.end(), image.pixel(x, y));
    }
  };
  fill(600, 300, 400, {200, 40, 160});
  fill(1500, 1100, 100, {30, 60, 200});
  return image;
}

void write_case(const std::filesystem::path& out, const std::string& name, const std::filesystem::path& slide,
                double tumour) {
  const workflows::CaseFolder folder{out / "cases" / name};
  std::filesystem::create_directories(folder.path / "top_tiles");
  imaging::ScoreRaster raster;
  raster.values = imaging::ImageF(4, 3, 1, 0.1F);
  raster.values.pixel(1, 1)[0] = 0.9F;
  raster.channel_names = {"attention"};
  raster.pixel_l0 = {400, 400};
  raster.pixel_um = {200, 200};
  imaging::write_ome_tiff(folder.attention(), raster);
  imaging::write_png(folder.path / "top_tiles" / "01.png", imaging::Image8(64, 64, 3, 180));
  workflows::CaseResult result;
  result.case_name = name;
  result.file = slide.filename().string();
  result.sha256 = std::string(64, 'a');
  result.size_bytes = std::filesystem::file_size(slide);
  result.reader = "flat";
  result.vendor = "png";
  result.size_l0 = {1600, 1200};
  result.scale = imaging::SlideScale{0.5, 0.5, "override"};
  result.model_name = "painted model";
  result.tile_mpp = 0.5;
  result.tile_px = 400;
  result.grid_columns = 4;
  result.grid_rows = 3;
  result.tile_side_l0 = result.tile_stride_l0 = {400, 400};
  result.verdict = tumour >= 0.5 ? "tumour" : "normal";
  result.likeliest = *result.verdict;
  result.probabilities = {{"normal", 1 - tumour}, {"tumour", tumour}};
  result.logits = {{"normal", 0.0}, {"tumour", 1.9}};
  result.tiles = 12;
  result.score_kind = "softmax_attention";
  result.score_names = {"attention"};
  result.score_ranges = {{0.1F, 0.9F}};
  result.top_tiles = {{5, {400, 400, 400, 400}, {0.9F}, "top_tiles/01.png"}};
  result.warnings = {"A painted warning."};
  folder.write_result(result);
}

namespace {

/// What all painted cases say of their file and model.
workflows::CaseResult painted_result(const std::string& name, const std::filesystem::path& file,
                                     const std::string& model) {
  workflows::CaseResult result;
  result.case_name = name;
  result.file = file.filename().string();
  result.sha256 = std::string(64, 'a');
  result.size_bytes = std::filesystem::file_size(file);
  result.reader = "flat";
  result.vendor = "png";
  result.size_l0 = {1600, 1200};
  result.scale = imaging::SlideScale{0.5, 0.5, "override"};
  result.model_name = model;
  return result;
}

}  // namespace

std::filesystem::path write_mask_case(const std::filesystem::path& out, const std::string& name,
                                      const std::filesystem::path& slide, const std::string& model) {
  const workflows::CaseFolder folder{out / "cases" / name};
  std::filesystem::create_directories(folder.path);
  imaging::Image8 labels(400, 300, 1);
  const auto fill = [&](std::int64_t left, std::int64_t top, std::int64_t side, std::uint8_t label) {
    for (auto y = top; y < top + side; ++y) {
      for (auto x = left; x < left + side; ++x) *labels.pixel(x, y) = label;
    }
  };
  fill(100, 50, 100, 1);
  fill(140, 90, 20, 2);
  workflows::SegmentFinding finding;
  finding.class_names = {"background", "disc", "cup"};
  finding.mask = "mask.png";
  finding.regions = "regions.geojson";
  finding.mask_size = {400, 300};
  finding.pixel_l0 = {4, 4};
  finding.share_of = "picture";
  finding.measurements = {{"area", "disc", 9600.0, "px"}, {"vertical ratio", "cup / disc", 0.2, "ratio"}};
  imaging::write_label_png(folder.path / finding.mask, labels);
  imaging::write_label_geojson(folder.path / finding.regions, labels, finding.class_names,
                               {.origin_l0 = {}, .pixel_l0 = {4, 4}});
  auto result = painted_result(name, slide, model);
  result.segmentation = finding;
  folder.write_result(result);
  return folder.path;
}

std::filesystem::path write_fundus_case(const std::filesystem::path& out, const std::string& name,
                                        const std::filesystem::path& photograph, const std::string& quality,
                                        bool is_overridden) {
  const workflows::CaseFolder folder{out / "cases" / name};
  std::filesystem::create_directories(folder.path);
  auto result = painted_result(name, photograph, "painted grader");
  result.kind = "fundus";
  result.laterality = "R";
  auto& finding = result.fundus.emplace();
  finding.eye_source = "table";
  finding.field = {{800, 600}, 560, {240, 40, 1120, 1120}, "circle fit", {}};
  finding.quality.verdict = quality;
  finding.quality.illumination = quality == "gradable" ? 0.9 : 0.1;
  finding.quality.sharpness = 0.7;
  finding.quality.coverage = 0.95;
  finding.is_overridden = is_overridden;
  if (quality != "gradable") finding.quality.reasons = {"the light is uneven"};
  if (quality == "gradable" || is_overridden) {
    result.verdict = "moderate_npdr";
    result.likeliest = *result.verdict;
    result.probabilities = {
        {"nodr", 0.05}, {"mild_npdr", 0.15}, {"moderate_npdr", 0.6}, {"severe_npdr", 0.15}, {"pdr", 0.05}};
    result.logits = {
        {"nodr", -1.0}, {"mild_npdr", 0.1}, {"moderate_npdr", 1.5}, {"severe_npdr", 0.1}, {"pdr", -1.0}};
    finding.scores = workflows::RetinopathyScores{.confidence = 0.6,
                                                  .referable_score = 0.8,
                                                  .referable_threshold = 0.5,
                                                  .threshold_from = "the package",
                                                  .is_referable = true,
                                                  .vision_threatening = 0.2,
                                                  .expected_grade = 2};
    finding.oedema =
        workflows::OedemaRisk{{{"no_risk", 0.2}, {"moderate_risk", 0.1}, {"high_risk", 0.7}}, "high_risk"};
  } else {
    result.verdict = workflows::kUngradable;
    result.likeliest = workflows::kUngradable;
    result.status = "degraded";
    result.reason = "The photograph is ungradable: the light is uneven.";
  }
  folder.write_result(result);
  return folder.path;
}

qint64 slowest_answer(QObject* window) {
  qint64 slowest = 0;
  for (int i = 0; i < 20; ++i) {
    QElapsedTimer clock;
    clock.start();
    bool answered = false;
    QMetaObject::invokeMethod(
        window, [&answered] { answered = true; }, Qt::QueuedConnection);
    if (!QTest::qWaitFor([&] { return answered; }, 20000)) return clock.elapsed();
    slowest = std::max(slowest, clock.elapsed());
  }
  return slowest;
}

}  // namespace gui
