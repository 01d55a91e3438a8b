#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "imaging/base/csv.h"
#include "imaging/base/files.h"
#include "imaging/base/random.h"
#include "imaging/raster/label_image.h"
#include "imaging/raster/png.h"
#include "imaging/slide/image_stack.h"
#include "imaging/slide/volume.h"
#include "models/segmentation/segmenter.h"
#include "tests/integration/command_fixture.h"

namespace {

namespace fs = std::filesystem;
using support::run_tessera;
using testing::HasSubstr;

/// A U-Net with random weights: what it finds means nothing, and every file must agree on it.
class SegmentCommands : public testing::Test {
 protected:
  void SetUp() override {
    models::SegmenterFacts facts;
    facts.class_names = {"background", "disc", "cup"};
    models::write_untrained_segmenter(folder_ / "model", facts, {.widths = {4, 8}}, 3);
    paint("in/a.png", {70, 50}, 1);
    paint("in/b.png", {64, 48}, 2);
  }
  void paint(const std::string& name, imaging::SizeI size, std::uint64_t seed) const {
    imaging::Random random(seed);
    imaging::Image8 picture(size.width, size.height, 3);
    for (std::int64_t y = 0; y < size.height; ++y) {
      for (std::int64_t x = 0; x < size.width; ++x) {
        for (int c = 0; c < 3; ++c)
          picture.pixel(x, y)[c] =
              static_cast<std::uint8_t>((x / 9 + y / 7 + c) % 2 * 160 + random.index(60));
      }
    }
    imaging::write_png(folder_ / name, picture);
  }
  [[nodiscard]] std::string predict(const std::string& input, const std::string& more = "") const {
    return fmt::format("segment predict {} --model {} --isolate never --tile 32 --overlap 8 --out {} {}",
                       (folder_ / input).string(), (folder_ / "model").string(), (folder_ / "out").string(),
                       more);
  }
  [[nodiscard]] nlohmann::json result_of(const std::string& name) const {
    return nlohmann::json::parse(imaging::read_file(folder_.path() / "out/cases" / name / "result.json"));
  }
  [[nodiscard]] static double value_of(const nlohmann::json& result, const std::string& name,
                                       const std::string& subject, const std::string& unit) {
    for (const auto& one : result["segmentation"]["measurements"]) {
      if (one["name"] == name && one["class"] == subject && one["unit"] == unit) return one["value"];
    }
    ADD_FAILURE() << name << " of " << subject;
    return -1;
  }
  support::TemporaryFolder folder_;
};

TEST_F(SegmentCommands, MaskOutlinesMeasurementsAndReportAgree) {
  const auto output = run_tessera(predict("in"));
  ASSERT_EQ(output.exit_code, 0) << output.err;
  const auto result = result_of("a");
  EXPECT_EQ(result["kind"], "slide");
  EXPECT_EQ(result["status"], "done");
  const auto folder = folder_.path() / "out/cases/a";
  const auto mask = imaging::read_label_image(folder / "mask.png");
  EXPECT_EQ(mask.width(), 70);
  EXPECT_EQ(mask.height(), 50);
  std::map<std::string, double> outlined;
  const auto outlines = nlohmann::json::parse(imaging::read_file(folder / "regions.geojson"));
  for (const auto& feature : outlines["features"]) {
    const std::string name = feature["properties"]["classification"]["name"];
    outlined[name] += feature["properties"]["measurements"]["Area px"].get<double>();
  }
  double found = 0;
  for (const auto& [label, name] : {std::pair{1, "disc"}, std::pair{2, "cup"}}) {
    const auto pixels = static_cast<double>(std::ranges::count(mask.values(), label));
    EXPECT_EQ(value_of(result, "area", name, "px"), pixels);
    EXPECT_EQ(outlined[name], pixels) << "outlines follow the pixels' edges";
    found += pixels;
  }
  EXPECT_GT(found, 0) << "a test of nothing";
  for (const auto* name : {"overlay.png", "thumbnail.png", "measurements.csv", "report.html", "report.pdf"})
    EXPECT_GT(fs::file_size(folder / name), 100U) << name;
  EXPECT_THAT(imaging::read_file(folder / "report.html"), HasSubstr("vertical ratio"));
  const auto cohort = imaging::read_csv_with_header(folder_.path() / "out/cohort.csv");
  EXPECT_EQ(cohort.rows.size(), 2U);
  EXPECT_TRUE(cohort.find_column("area disc [px]"));
  EXPECT_TRUE(cohort.find_column("vertical diameter cup [mm]"));

  const auto before = support::listing(folder_.path() / "out");
  const auto again = run_tessera(predict("in"));
  EXPECT_THAT(again.out, HasSubstr("skipped"));
  EXPECT_EQ(support::listing(folder_.path() / "out"), before);
  fs::remove(folder / "mask.png");
  ASSERT_EQ(run_tessera(predict("in")).exit_code, 0);
  EXPECT_TRUE(fs::exists(folder / "mask.png")) << "a lost artefact is made again";
}

TEST_F(SegmentCommands, AnalyzeDoesTheSame) {
  ASSERT_EQ(run_tessera(predict("in/a.png")).exit_code, 0);
  const auto output = run_tessera(fmt::format(
      "analyze {} --model {} --isolate never --tile 32 --overlap 8 --out {}", (folder_ / "in/a.png").string(),
      (folder_ / "model").string(), (folder_ / "analyzed").string()));
  ASSERT_EQ(output.exit_code, 0) << output.err;
  for (const auto* name : {"mask.png", "regions.geojson", "measurements.csv", "overlay.png"})
    EXPECT_EQ(imaging::read_file(folder_.path() / "out/cases/a" / name),
              imaging::read_file(folder_.path() / "analyzed/cases/a" / name))
        << name;
}

TEST_F(SegmentCommands, ABadFileFailsByNameAndTheRestGoesOn) {
  imaging::write_file(folder_ / "in/broken.png", imaging::read_file(folder_ / "in/a.png").substr(0, 300));
  imaging::write_file(folder_ / "in/cut.mha",
                      "NDims = 3\nDimSize = 9 9 9\nElementType = MET_UCHAR\n"
                      "ElementDataFile = LOCAL\nshort");
  const auto output = run_tessera(predict("in"));
  EXPECT_EQ(output.exit_code, 4) << output.err;
  EXPECT_EQ(result_of("broken")["status"], "failed");
  EXPECT_EQ(result_of("cut")["reason_code"], "corrupt_data");
  EXPECT_THAT(result_of("cut")["reason"].get<std::string>(), HasSubstr("ends early"));
  EXPECT_EQ(result_of("b")["status"], "done");
}

TEST_F(SegmentCommands, ARegionIsSegmentedWhereItLies) {
  const auto output = run_tessera(predict("in/a.png", "--region 10,20,32,16"));
  ASSERT_EQ(output.exit_code, 0) << output.err;
  const auto segmentation = result_of("a")["segmentation"];
  EXPECT_EQ(segmentation["mask_width"], 32);
  EXPECT_EQ(segmentation["origin_l0"], nlohmann::json({10.0, 20.0}));
  EXPECT_EQ(run_tessera(predict("in/a.png", "--region 60,20,32,16")).exit_code, 3) << "not inside";
  EXPECT_EQ(run_tessera(predict("in/a.png", "--region here")).exit_code, 3);
}

TEST_F(SegmentCommands, VolumesKeepTheirGeometryAndStacksTheirImages) {
  models::SegmenterFacts facts;
  facts.class_names = {"background", "tumour"};
  facts.channels = 1;
  models::write_untrained_segmenter(folder_ / "grey", facts, {.widths = {4, 8}}, 3);
  const imaging::VolumeGeometry geometry{.size = {24, 20, 3},
                                         .spacing_mm = {0.5, 0.75, 3},
                                         .origin_mm = {-7, 8, 9},
                                         .direction = {{{0, 1, 0}, {-1, 0, 0}, {0, 0, 1}}}};
  imaging::Random random(4);
  std::vector<std::uint8_t> values(static_cast<std::size_t>(geometry.voxels()));
  for (auto& value : values) value = static_cast<std::uint8_t>(random.index(256));
  imaging::write_label_volume(folder_ / "volumes/v.nii.gz", geometry, values);
  const auto output =
      run_tessera(fmt::format("segment predict {} --model {} --out {}", (folder_ / "volumes").string(),
                              (folder_ / "grey").string(), (folder_ / "out").string()));
  ASSERT_EQ(output.exit_code, 0) << output.err;
  const auto mask = imaging::read_volume(folder_.path() / "out/cases/v.nii/mask.nii.gz");
  EXPECT_EQ(mask.geometry.size, geometry.size);
  for (std::size_t axis = 0; axis < 3; ++axis) {
    EXPECT_NEAR(mask.geometry.spacing_mm[axis], geometry.spacing_mm[axis], 1e-6);
    EXPECT_NEAR(mask.geometry.origin_mm[axis], geometry.origin_mm[axis], 1e-5);
    EXPECT_NEAR(mask.geometry.direction[axis][1], geometry.direction[axis][1], 1e-6);
  }
  const auto result = result_of("v.nii");
  EXPECT_NEAR(value_of(result, "volume", "tumour", "mm3"),
              value_of(result, "volume", "tumour", "voxels") * 1.125, 1e-6);
  EXPECT_THAT(result["warnings"].dump(), HasSubstr("0.5 x 0.75 x 3 mm"));

  fs::create_directories(folder_.path() / "stacks");
  imaging::LabelStackWriter writer(folder_ / "stacks/s.tif");
  for (int i = 0; i < 3; ++i)
    writer.append(imaging::Image8(24, 20, 1, static_cast<std::uint8_t>(40 + 60 * i)));
  writer.finish();
  ASSERT_EQ(run_tessera(predict("stacks")).exit_code, 0);
  EXPECT_EQ(imaging::find_image_stack(folder_.path() / "out/cases/s/mask.tif").pages.size(), 3U);
  EXPECT_EQ(result_of("s")["segmentation"]["slices"], 3);
}

TEST_F(SegmentCommands, ItsOwnMasksAreAPerfectTruth) {
  ASSERT_EQ(run_tessera(predict("in")).exit_code, 0);
  for (const auto* name : {"a", "b"}) {
    fs::create_directories(folder_.path() / "data/masks");
    fs::create_directories(folder_.path() / "data/images");
    fs::copy_file(folder_.path() / "in" / (std::string(name) + ".png"),
                  folder_.path() / "data/images" / (std::string(name) + ".png"));
    fs::copy_file(folder_.path() / "out/cases" / name / "mask.png",
                  folder_.path() / "data/masks" / (std::string(name) + ".png"));
  }
  const auto evaluate = fmt::format(
      "segment evaluate --data {} --model {} --tile 32 --overlap 8 --classes disc "
      "--classes cup --regions whole=disc+cup --regions cup=cup --out {}",
      (folder_ / "data").string(), (folder_ / "model").string(), (folder_ / "scores").string());
  const auto output = run_tessera(evaluate);
  ASSERT_EQ(output.exit_code, 0) << output.err;
  const auto metrics = nlohmann::json::parse(imaging::read_file(folder_ / "scores/metrics.json"));
  EXPECT_EQ(metrics["regions"]["whole"]["dice"]["mean"], 1.0);
  EXPECT_EQ(metrics["regions"]["whole"]["dice"]["cases"], 2);
  EXPECT_EQ(metrics["regions"]["whole"]["hd"]["largest"], 0.0);
  EXPECT_EQ(metrics["regions"]["whole"]["distance_unit"], "px");
  const auto table = imaging::read_csv_with_header(folder_ / "scores/metrics.csv");
  EXPECT_EQ(table.rows.size(), 4U);

  imaging::write_png(folder_ / "data/masks/b.png", imaging::Image8(9, 9, 1, 1));
  const auto partly = run_tessera(evaluate);
  EXPECT_EQ(partly.exit_code, 4) << partly.err;
  EXPECT_THAT(partly.out, HasSubstr("the mask has 9 x 9 pixels and its image b.png 64 x 48"));
}

TEST_F(SegmentCommands, RefusesAModelForAnotherTask) {
  const auto output =
      run_tessera(fmt::format("segment predict {} --model {} --out {}", (folder_ / "in").string(),
                              support::tiny_models().classifier.string(), (folder_ / "out").string()));
  EXPECT_EQ(output.exit_code, 3);
  EXPECT_THAT(output.err, HasSubstr("not for segmentation"));
}

}  // namespace
