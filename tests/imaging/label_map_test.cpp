#include <nlohmann/json.hpp>
#include <string>

#include "imaging/base/files.h"
#include "imaging/base/random.h"
#include "imaging/raster/label_counter.h"
#include "imaging/raster/label_image.h"
#include "imaging/raster/label_outlines.h"
#include "imaging/raster/label_png.h"
#include "imaging/raster/png.h"
#include "imaging/slide/image_stack.h"
#include "tests/support/test_support.h"

namespace {

using imaging::ErrorCode;
using imaging::Image8;
using support::HasCode;

void fill(Image8& labels, std::int64_t x, std::int64_t y, std::int64_t width, std::int64_t height,
          std::uint8_t label) {
  for (auto row = y; row < y + height; ++row) std::fill_n(labels.pixel(x, row), width, label);
}

/// A ring of class 1 around a square of class 2, and a speck of class 1.
Image8 painted() {
  Image8 labels(30, 20, 1);
  fill(labels, 2, 3, 12, 10, 1);
  fill(labels, 6, 6, 4, 4, 2);
  fill(labels, 25, 15, 2, 1, 1);
  return labels;
}

TEST(LabelPngTest, WritesIndicesThatComeBackAsTheyWere) {
  const support::TemporaryFolder folder;
  const auto labels = painted();
  imaging::write_label_png(folder / "mask.png", labels);
  const auto back = imaging::read_label_image(folder / "mask.png");
  ASSERT_EQ(back.values().size(), labels.values().size());
  EXPECT_TRUE(std::ranges::equal(back.values(), labels.values()));
  const auto shown = imaging::decode_image(imaging::read_file(folder / "mask.png"));
  const auto colour = imaging::class_colour(2);
  EXPECT_TRUE(std::equal(colour.begin(), colour.end(), shown.pixel(7, 7)))
      << "viewers show the class's colour";
}

TEST(LabelPngTest, RowsHandedOverInPiecesGiveTheSameBytesAndNothingStaysOfAnUnfinishedFile) {
  const support::TemporaryFolder folder;
  const auto labels = painted();
  imaging::write_label_png(folder / "whole.png", labels);
  {
    imaging::LabelPngWriter writer(folder / "rows.png", {30, 20});
    for (std::int64_t y = 0; y < 20; y += 5) {
      Image8 band(30, 5, 1);
      std::copy_n(labels.row(y), 150, band.data());
      writer.append_rows(band);
    }
    EXPECT_THAT([&] { writer.append_rows(Image8(30, 1, 1)); },
                testing::Throws<imaging::Error>(HasCode(ErrorCode::invalid_argument)));
    writer.finish();
  }
  EXPECT_EQ(imaging::read_file(folder / "whole.png"), imaging::read_file(folder / "rows.png"));
  { const imaging::LabelPngWriter unfinished(folder / "half.png", {30, 20}); }
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 2);
}

TEST(LabelCounterTest, CountsPiecesAcrossBandsAndRegionsOfSeveralLabels) {
  const auto labels = painted();
  imaging::LabelCounter counter(30, {{1}, {2}, {1, 2}, {3}}, 3);
  for (std::int64_t y = 0; y < 20; y += 4) {
    Image8 band(30, 4, 1);
    std::copy_n(labels.row(y), 120, band.data());
    counter.add_rows(band);
  }
  const auto counts = counter.counts();
  EXPECT_EQ(counts[0].pixels, 120 - 16 + 2);
  EXPECT_EQ(counts[0].objects, 1) << "the speck is smaller than 3 pixels";
  EXPECT_EQ(counts[1].pixels, 16);
  EXPECT_EQ(counts[1].largest.top, 6);
  EXPECT_EQ(counts[1].largest.bottom, 10);
  EXPECT_EQ(counts[2].largest.pixels, 120);
  EXPECT_EQ(counts[2].largest.left, 2);
  EXPECT_EQ(counts[2].largest.right, 14);
  EXPECT_EQ(counts[3].objects, 0);
  EXPECT_EQ(counts[3].largest.pixels, 0);
}

TEST(LabelCounterTest, JoinsSpiralsAndDiagonals) {
  Image8 labels(7, 7, 1);
  fill(labels, 0, 0, 7, 1, 1);  // a U whose arms meet late, and a diagonal
  fill(labels, 0, 0, 1, 7, 1);
  fill(labels, 6, 0, 1, 5, 1);
  fill(labels, 2, 4, 1, 1, 1);
  *labels.pixel(3, 5) = 1;
  *labels.pixel(4, 6) = 1;
  imaging::LabelCounter counter(7, {{1}}, 1);
  counter.add_rows(labels);
  EXPECT_EQ(counter.counts()[0].objects, 2);
  *labels.pixel(5, 5) = 1;  // joins the diagonal to the right arm
  imaging::LabelCounter again(7, {{1}}, 1);
  again.add_rows(labels);
  EXPECT_EQ(again.counts()[0].objects, 1);
  EXPECT_EQ(again.counts()[0].largest.pixels, again.counts()[0].pixels);
}

TEST(LabelCounterTest, AgreesWithFloodFillOnNoise) {
  imaging::Random random(5);
  Image8 labels(40, 31, 1);
  for (auto& value : labels.values()) value = random.chance(0.45) ? 1 : 0;
  imaging::LabelCounter counter(40, {{1}}, 1);
  counter.add_rows(labels);
  auto rest = labels;
  std::int64_t pieces = 0;
  for (std::int64_t y = 0; y < 31; ++y) {
    for (std::int64_t x = 0; x < 40; ++x) {
      if (*rest.pixel(x, y) == 0) continue;
      ++pieces;
      std::vector<std::pair<std::int64_t, std::int64_t>> open{{x, y}};
      while (!open.empty()) {
        const auto [px, py] = open.back();
        open.pop_back();
        if (px < 0 || py < 0 || px >= 40 || py >= 31 || *rest.pixel(px, py) == 0) continue;
        *rest.pixel(px, py) = 0;
        for (int dy = -1; dy <= 1; ++dy) {
          for (int dx = -1; dx <= 1; ++dx) open.emplace_back(px + dx, py + dy);
        }
      }
    }
  }
  EXPECT_EQ(counter.counts()[0].objects, pieces);
}

TEST(LabelGeojsonTest, PolygonsHaveHolesClassesAndAreas) {
  const support::TemporaryFolder folder;
  imaging::write_label_geojson(folder / "regions.geojson", painted(), {"background", "disc \"x\"", "cup"},
                               {.origin_l0 = {100, 50}, .pixel_l0 = {2, 2}});
  const auto json = nlohmann::json::parse(imaging::read_file(folder / "regions.geojson"));
  ASSERT_EQ(json["features"].size(), 3U);
  const auto& ring = json["features"][0];
  EXPECT_EQ(ring["properties"]["classification"]["name"], "disc \"x\"");
  EXPECT_EQ(ring["properties"]["measurements"]["Area px"], 104);
  ASSERT_EQ(ring["geometry"]["coordinates"].size(), 2U) << "one hole";
  const auto outer = ring["geometry"]["coordinates"][0];
  EXPECT_EQ(outer.size(), 5U);
  EXPECT_EQ(outer.front(), outer.back());
  EXPECT_EQ(outer.front(), nlohmann::json({104.0, 56.0}));
  EXPECT_EQ(json["features"][2]["properties"]["classification"]["name"], "cup");
  imaging::write_label_geojson(folder / "none.geojson", Image8(4, 4, 1), {"background", "disc"}, {});
  EXPECT_TRUE(nlohmann::json::parse(imaging::read_file(folder / "none.geojson"))["features"].empty());
}

TEST(ImageStackTest, LabelMapsComeBackImageByImageAndPicturesAreNoStacks) {
  const support::TemporaryFolder folder;
  const auto first = painted();
  Image8 second(30, 20, 1);
  fill(second, 1, 1, 3, 3, 7);
  imaging::LabelStackWriter writer(folder / "mask.tif");
  writer.append(first);
  writer.append(second);
  writer.finish();
  const auto stack = imaging::find_image_stack(folder / "mask.tif");
  ASSERT_EQ(stack.pages.size(), 2U);
  EXPECT_EQ(stack.size, (imaging::SizeI{30, 20}));
  const auto back = imaging::read_stack_image(stack, 1);
  EXPECT_EQ(back.pixel(2, 2)[1], 7);
  EXPECT_EQ(imaging::read_stack_image(stack, 0).pixel(7, 7)[0], 2);

  imaging::LabelStackWriter mixed(folder / "mixed.tif");
  mixed.append(first);
  mixed.append(Image8(15, 10, 1));
  mixed.finish();
  EXPECT_TRUE(imaging::find_image_stack(folder / "mixed.tif").pages.empty());
  imaging::write_png(folder / "a.png", Image8(4, 4, 3));
  EXPECT_TRUE(imaging::find_image_stack(folder / "a.png").pages.empty());
  auto bytes = imaging::read_file(folder / "mask.tif");
  imaging::write_file(folder / "cut.tif", bytes.substr(0, bytes.size() - 60));
  EXPECT_THAT([&] { (void)imaging::find_image_stack(folder / "cut.tif"); },
              testing::Throws<imaging::Error>(HasCode(ErrorCode::corrupt_data)));
}

TEST(LabelPaintTest, OutlinesAreOpaqueAndTheInsideShowsThePicture) {
  const auto labels = painted();
  const auto shown = imaging::paint_labels(Image8(30, 20, 3, 100), labels);
  const auto colour = imaging::class_colour(1);
  EXPECT_TRUE(std::equal(colour.begin(), colour.end(), shown.pixel(2, 3)));
  EXPECT_EQ(shown.pixel(3, 5)[0], std::lround(0.35 * colour[0] + 0.65 * 100));
  EXPECT_EQ(shown.pixel(20, 3)[0], 100);
  const auto small = imaging::resize_labels(labels, {15, 10});
  EXPECT_EQ(*small.pixel(3, 3), 2);
  EXPECT_EQ(*small.pixel(1, 2), 1);
}

}  // namespace
