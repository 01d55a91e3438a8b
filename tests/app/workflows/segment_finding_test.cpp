#include "app/workflows/segment_finding.h"

#include "app/workflows/segment_evaluate.h"
#include "tests/support/test_support.h"

namespace {

using imaging::ErrorCode;
using imaging::Image8;
using support::HasCode;

void fill(Image8& labels, std::int64_t x, std::int64_t y, std::int64_t width, std::int64_t height,
          std::uint8_t label) {
  for (auto row = y; row < y + height; ++row) std::fill_n(labels.pixel(x, row), width, label);
}

std::optional<double> value_of(const std::vector<workflows::SegmentMeasurement>& all, const std::string& name,
                               const std::string& subject, const std::string& unit) {
  for (const auto& one : all) {
    if (one.name == name && one.subject == subject && one.unit == unit) return one.value;
  }
  ADD_FAILURE() << name << " of " << subject << " in " << unit << " was not measured";
  return std::nullopt;
}

std::vector<imaging::RegionCount> count(const Image8& labels, const std::vector<std::string>& names,
                                        std::int64_t least = 1) {
  imaging::LabelCounter counter(labels.width(), workflows::counted_regions(names), least);
  counter.add_rows(labels);
  return counter.counts();
}

TEST(SegmentFindingTest, MeasuresDiscAndCupToThePixel) {
  Image8 labels(60, 50, 1);
  fill(labels, 10, 5, 30, 40, 1);
  fill(labels, 15, 15, 20, 16, 2);
  fill(labels, 50, 40, 2, 2, 2);  // a speck of cup elsewhere is no part of its height
  const std::vector<std::string> names{"background", "disc", "cup"};
  const auto all =
      workflows::measure_labels(names, count(labels, names), 2000, true, imaging::PointD{0.01, 0.02});
  EXPECT_EQ(value_of(all, "area", "disc", "px"), 1200 - 320);
  EXPECT_EQ(value_of(all, "area", "disc with cup", "px"), 1204);
  EXPECT_NEAR(*value_of(all, "area", "cup", "mm2"), 324 * 0.0002, 1e-12);
  EXPECT_NEAR(*value_of(all, "share", "cup", "share"), 0.162, 1e-12);
  EXPECT_EQ(value_of(all, "objects", "cup", "count"), 2);
  EXPECT_EQ(value_of(all, "vertical diameter", "disc with cup", "px"), 40);
  EXPECT_EQ(value_of(all, "vertical diameter", "cup", "px"), 16);
  EXPECT_NEAR(*value_of(all, "vertical diameter", "cup", "mm"), 0.32, 1e-12);
  EXPECT_NEAR(*value_of(all, "vertical ratio", "cup / disc", "ratio"), 0.4, 1e-12);
  EXPECT_NEAR(*value_of(all, "area ratio", "cup / disc", "ratio"), 324.0 / 1204, 1e-12);
}

TEST(SegmentFindingTest, WhatIsNotThereHasNoRatio) {
  const std::vector<std::string> names{"background", "disc", "cup"};
  const auto all = workflows::measure_labels(names, count(Image8(8, 8, 1), names), 64, false, std::nullopt);
  EXPECT_FALSE(value_of(all, "vertical ratio", "cup / disc", "ratio"));
  EXPECT_FALSE(value_of(all, "vertical diameter", "cup", "px"));
  EXPECT_THAT(workflows::measurements_csv(all),
              testing::HasSubstr("vertical ratio,cup / disc,not available,ratio\n"));
}

TEST(SegmentFindingTest, VesselsHaveADensityInTheFieldAndNucleiAreCounted) {
  Image8 labels(40, 40, 1);
  fill(labels, 0, 10, 40, 2, 1);
  const std::vector<std::string> names{"background", "vessel"};
  const auto vessels = workflows::measure_labels(names, count(labels, names), 1000, true, std::nullopt);
  EXPECT_NEAR(*value_of(vessels, "vessel density", "vessel", "share of the field of view"), 0.08, 1e-12);
  Image8 nuclei(40, 40, 1);
  fill(nuclei, 2, 2, 4, 4, 1);
  fill(nuclei, 20, 20, 5, 5, 1);
  fill(nuclei, 30, 5, 1, 1, 1);
  const std::vector<std::string> kinds{"background", "nucleus"};
  const auto counted = workflows::measure_labels(kinds, count(nuclei, kinds, 10), 1600, false, std::nullopt);
  EXPECT_EQ(value_of(counted, "objects", "nucleus", "count"), 2);
  EXPECT_EQ(value_of(counted, "area", "nucleus", "px"), 42);
}

TEST(SegmentFindingTest, VolumesAreMeasuredInCubicMillimetres) {
  imaging::VolumeGeometry geometry{.size = {4, 3, 2}, .spacing_mm = {0.5, 1, 3}};
  std::vector<std::uint8_t> labels(24);
  labels[0] = labels[5] = labels[23] = 1;
  auto all = workflows::measure_volume({"background", "tumour"}, labels, geometry);
  EXPECT_EQ(value_of(all, "volume", "tumour", "voxels"), 3);
  EXPECT_NEAR(*value_of(all, "volume", "tumour", "mm3"), 4.5, 1e-12);
  geometry.has_spacing = false;
  EXPECT_EQ(workflows::measure_volume({"background", "tumour"}, labels, geometry).size(), 2U);
}

TEST(SegmentFindingTest, ComesBackFromJsonAsItWas) {
  workflows::SegmentFinding finding{
      .class_names = {"background", "disc"},
      .mask = "mask.png",
      .regions = "regions.geojson",
      .mask_size = {8, 9},
      .origin_l0 = {3, 4},
      .pixel_l0 = {2, 2},
      .share_of = "picture",
      .measurements = {{"area", "disc", 7, "px"}, {"ratio", "x", std::nullopt, "ratio"}}};
  const auto json = workflows::to_json(finding);
  EXPECT_EQ(workflows::to_json(workflows::segment_finding_from_json(nlohmann::json(json))), json);
}

TEST(SegmentRegionsTest, ClassesAreMatchedByNameAndMayBeMeasuredTogether) {
  const std::vector<std::string> model{"background", "disc", "cup"};
  const auto own = workflows::segment_regions({}, model, {"background", "cup", "disc"});
  ASSERT_EQ(own.size(), 2U);
  EXPECT_EQ(own[0].name, "cup");
  EXPECT_THAT(own[0].predicted, testing::ElementsAre(2));
  EXPECT_THAT(own[0].reference, testing::ElementsAre(1));
  const auto whole = workflows::segment_regions({"disc=disc+cup"}, model, {"background", "disc"});
  EXPECT_THAT(whole[0].predicted, testing::ElementsAre(1, 2));
  EXPECT_THAT(whole[0].reference, testing::ElementsAre(1));
  EXPECT_THAT(
      [&] {
        (void)workflows::segment_regions({}, model, {"background", "vessel"});
      },
      testing::Throws<imaging::Error>(HasCode(ErrorCode::incompatible)));
  for (const auto* text : {"disc", "=disc", "disc=", "a=lens"}) {
    EXPECT_THAT([&] { (void)workflows::segment_regions({text}, model, model); },
                testing::Throws<imaging::Error>(HasCode(ErrorCode::invalid_argument)))
        << text;
  }
}

TEST(SegmentRegionsTest, ScoresARegionWithItsUnitAndItsObjects) {
  Image8 prediction(20, 20, 1), reference(20, 20, 1);
  fill(prediction, 2, 2, 6, 6, 1);
  fill(prediction, 14, 14, 3, 3, 1);
  fill(reference, 2, 2, 6, 6, 1);
  const imaging::MaskGrid grid{.size = {20, 20, 1}, .spacing = {0.5, 0.5, 1}};
  const std::vector<workflows::SegmentRegion> regions{{"nucleus", {1}, {1}}};
  const auto scores =
      workflows::score_regions(prediction.values(), reference.values(), grid, true, regions, {});
  ASSERT_EQ(scores.size(), 1U);
  EXPECT_EQ(scores[0].unit, "mm");
  EXPECT_NEAR(scores[0].overlap.dice, 72.0 / 81, 1e-12);
  EXPECT_EQ(scores[0].predicted_objects, 2);
  EXPECT_EQ(scores[0].reference_objects, 1);
  ASSERT_TRUE(scores[0].surfaces);
  EXPECT_NEAR(scores[0].surfaces->hd, std::hypot(9, 9) * 0.5, 1e-9) << "from (16, 16) to (7, 7)";
  const auto without = workflows::score_regions(prediction.values(), reference.values(), grid, false, regions,
                                                {.distances = false});
  EXPECT_FALSE(without[0].surfaces);
  EXPECT_EQ(without[0].unit, "px");
}

}  // namespace
