#include "imaging/slide/area_resample.h"

#include <cmath>

#include "imaging/base/error.h"
#include "imaging/slide/reader_table.h"
#include "tests/imaging/painted_slide.h"
#include "tests/support/test_support.h"

namespace imaging {
namespace {

/// Mean of the pixels' share under a rectangle, one channel, white outside: the definition, slowly.
double exact_mean(const Image8& image, RectD rect, int channel) {
  double sum = 0;
  for (auto y = std::floor(rect.y); y < rect.bottom(); ++y) {
    for (auto x = std::floor(rect.x); x < rect.right(); ++x) {
      const double share = (std::min(x + 1, rect.right()) - std::max(x, rect.x)) *
                           (std::min(y + 1, rect.bottom()) - std::max(y, rect.y));
      const bool is_inside = x >= 0 && y >= 0 && x < static_cast<double>(image.width()) &&
                             y < static_cast<double>(image.height());
      const auto u = static_cast<std::int64_t>(x);
      const auto v = static_cast<std::int64_t>(y);
      sum += share * (is_inside ? image.pixel(u, v)[channel] : 255);
    }
  }
  return sum / (rect.width * rect.height);
}

TEST(ResampleAreaTest, CopiesWholePixelsAtUnitStep) {
  const auto image = support::paint_positions(50, 40);
  const auto part = resample_area(image, {7, 9, 20, 10}, {20, 10});
  for (int c = 0; c < 3; ++c) EXPECT_EQ(part.pixel(19, 9)[c], image.pixel(26, 18)[c]);
}

TEST(ResampleAreaTest, AveragesFractionalPixelsByTheirCoveredShare) {
  const auto image = support::paint_positions(200, 150);
  const RectD rect{-3.3, 11.7, 160.4, 150.1};  // leaves the image left and below
  const SizeI size{37, 29};
  const auto shrunk = resample_area(image, rect, size);
  for (std::int64_t y = 0; y < size.height; ++y) {
    for (std::int64_t x = 0; x < size.width; ++x) {
      const double w = rect.width / 37;
      const double h = rect.height / 29;
      const RectD cell{rect.x + static_cast<double>(x) * w, rect.y + static_cast<double>(y) * h, w, h};
      for (int c = 0; c < 2; ++c)
        ASSERT_NEAR(shrunk.pixel(x, y)[c], exact_mean(image, cell, c), 0.51) << x << ", " << y;
    }
  }
}

TEST(ResampleAreaTest, EnlargesBilinearlyWithoutBleedingWhiteIn) {
  Image8 image(2, 1, 3, 0);
  for (int c = 0; c < 3; ++c) image.pixel(1, 0)[c] = 100;
  const auto large = resample_area(image, {0, 0, 2, 1}, {8, 4});
  const std::vector<int> expected{0, 0, 13, 38, 63, 88, 100, 100};
  for (std::int64_t x = 0; x < 8; ++x)
    EXPECT_EQ(large.pixel(x, 3)[0], expected[static_cast<std::size_t>(x)]) << x;
}

TEST(ResampleAreaTest, KeepsAUniformImageUniform) {
  const Image8 image(90, 90, 3, 137);
  for (const double side : {17.3, 33.3, 64.01, 89.9}) {
    EXPECT_EQ(resample_area(image, {0.1, 0.1, side, side}, {31, 31}), Image8(31, 31, 3, 137)) << side;
  }
}

TEST(LevelStepTest, SeesThroughTheRoundingOfLevelSizes) {
  SlideInfo info;
  info.levels = {{2220, 2967, 1}, {1110, 1483, 2.000337}, {138, 185, 16.0624}, {700, 989, 3.0857}};
  EXPECT_EQ(level_step(info, 1), (PointD{2, 2}));
  EXPECT_EQ(level_step(info, 2), (PointD{16, 16}));
  EXPECT_NEAR(level_step(info, 3).x, 2220.0 / 700, 1e-12);
  EXPECT_EQ(choose_level(info, 1.9), 0);
  EXPECT_EQ(choose_level(info, 2), 1);
  EXPECT_EQ(choose_level(info, 15.99), 3);
  EXPECT_EQ(choose_level(info, 1000), 2);
}

class PyramidTest : public testing::TestWithParam<bool> {};

/// Levels of step 2 and 8 whose sizes do not divide; whatever level is read, a pixel's mean position must be
/// right.
TEST_P(PyramidTest, AreasLieRightOnEveryLevelFarFromTheOrigin) {
  const support::TemporaryFolder folder;
  constexpr std::int64_t kWidth = 1237;
  constexpr std::int64_t kHeight = 1001;
  Image8 ramp(kWidth, kHeight, 3);  // 0.2 grey levels per pixel: a shift of 3 pixels shows
  for (std::int64_t y = 0; y < kHeight; ++y) {
    for (std::int64_t x = 0; x < kWidth; ++x) {
      ramp.pixel(x, y)[0] = static_cast<std::uint8_t>(x / 5);
      ramp.pixel(x, y)[1] = static_cast<std::uint8_t>(y / 5);
      ramp.pixel(x, y)[2] = static_cast<std::uint8_t>((x / 8 + y / 8) % 2 * 200);
    }
  }
  const bool ceil = GetParam();
  support::write_tiled_tiff(folder / "p.tiff",
                            {ramp, support::shrunk(ramp, 2, ceil), support::shrunk(ramp, 8, ceil)});
  const auto reader = open_slide(folder / "p.tiff");
  ASSERT_EQ(reader->info().levels.size(), 3U);

  for (const double step : {1.0, 1.7, 2.0, 2.6, 7.9, 8.0, 11.3}) {
    for (const PointD start :
         {PointD{0, 0}, PointD{333.4, 211.7}, PointD{1237 - 30 * step, 1001 - 30 * step}}) {
      const RectD rect{start.x, start.y, 30 * step, 30 * step};
      const auto area = read_area(*reader, rect, {30, 30});
      for (const std::int64_t i : {0, 14, 28}) {  // the last pixel may lie on a level's rounded edge
        const RectD cell{rect.x + static_cast<double>(i) * step, rect.y + static_cast<double>(i) * step, step,
                         step};
        for (int c = 0; c < 2; ++c) {
          EXPECT_NEAR(area.pixel(i, i)[c], exact_mean(ramp, cell, c), 1.01)
              << "step " << step << " from " << start.x << " pixel " << i << " channel " << c;
        }
      }
    }
  }
  // Checks of 8 pixels, 0 and 200, one pixel each: half a pixel off would make 100.
  const auto checks = read_area(*reader, {1237 - 85, 1001 - 81, 80, 80}, {10, 10});
  const auto truth = resample_area(ramp, {1237 - 85, 1001 - 81, 80, 80}, {10, 10});
  for (std::int64_t i = 0; i < 9; ++i) EXPECT_NEAR(checks.pixel(i, i)[2], truth.pixel(i, i)[2], 40) << i;
}

TEST_P(PyramidTest, PixelsOfAWholeStepEqualTheLevelsOwn) {
  const support::TemporaryFolder folder;
  const auto image = support::paint_positions(1024, 768);
  const auto half = support::shrunk(image, 2, GetParam());
  support::write_tiled_tiff(folder / "p.tiff", {image, half});
  const auto reader = open_slide(folder / "p.tiff");

  const auto area = read_area(*reader, {512, 256, 400, 300}, {200, 150});

  for (std::int64_t y = 0; y < 150; ++y) {
    for (std::int64_t x = 0; x < 200; ++x) {
      for (int c = 0; c < 3; ++c)
        ASSERT_EQ(area.pixel(x, y)[c], half.pixel(256 + x, 128 + y)[c]) << x << ", " << y;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(LevelSizes, PyramidTest, testing::Bool(),
                         [](const auto& parameter) { return parameter.param ? "RoundedUp" : "RoundedDown"; });

TEST(ReadAreaTest, ShowsNoWhiteSeamWhereALevelIsRoundedDown) {
  const support::TemporaryFolder folder;
  const Image8 dark(1003, 1003, 3, 40);
  support::write_tiled_tiff(folder / "p.tiff", {dark, Image8(250, 250, 3, 40)});
  const auto reader = open_slide(folder / "p.tiff");

  const auto overview = read_overview(*reader, 100);

  EXPECT_EQ(overview, Image8(100, 100, 3, 40));
  EXPECT_EQ(*read_area(*reader, {1000, 1000, 400, 400}, {10, 10}).pixel(5, 5), 255) << "outside stays white";
}

TEST(ReadAreaTest, OverviewInBlocksEqualsTheAverageOfTheWhole) {
  const support::TemporaryFolder folder;
  const auto image = support::paint_positions(900, 700);
  support::write_tiled_tiff(folder / "p.tiff", {image});
  const auto reader = open_slide(folder / "p.tiff");

  EXPECT_EQ(read_overview(*reader, 90), resample_area(image, {0, 0, 900, 700}, {90, 70}));
  EXPECT_EQ(read_overview(*reader, 5000).width(), 900) << "never enlarged";
}

/// A black slide of one level that cannot be read where a region touches its damage.
class DamagedReader final : public SlideReader {
 public:
  DamagedReader(SizeI size, std::int64_t x, std::int64_t y, std::int64_t side) : x_(x), y_(y), side_(side) {
    info_.levels = {{size.width, size.height, 1}};
  }
  const SlideInfo& info() const override { return info_; }
  Image8 read_region(std::int64_t x, std::int64_t y, int, SizeI size) const override {
    if (x < x_ + side_ && x_ < x + size.width && y < y_ + side_ && y_ < y + size.height)
      throw Error(ErrorCode::corrupt_data, "damaged");
    return {size.width, size.height, 3, 0};
  }
  Image8 read_associated(const std::string&) const override { return {}; }

 private:
  SlideInfo info_;
  std::int64_t x_, y_, side_;
};

TEST(SizeWithinTest, KeepsTheAspectAndNeitherEnlargesNorVanishes) {
  EXPECT_EQ(size_within({4000, 2001}, 1000), (SizeI{1000, 500}));
  EXPECT_EQ(size_within({300, 4}, 1600), (SizeI{300, 4}));
  EXPECT_EQ(size_within({100000, 3}, 1000), (SizeI{1000, 1}));
}

TEST(ReadAreaTest, OneDamagedTileOfASingleLevelCostsItsOwnPlaceAlone) {
  const DamagedReader reader({2048, 1024}, 700, 300, 200);

  const auto overview = read_overview(reader, 256);

  std::int64_t white = 0;
  for (std::int64_t y = 0; y < overview.height(); ++y) {
    for (std::int64_t x = 0; x < overview.width(); ++x) {
      const bool is_white = *overview.pixel(x, y) == 255;
      white += is_white ? 1 : 0;
      const bool is_far = x * 8 < 700 - 136 || x * 8 > 900 + 128 || y * 8 < 300 - 136 || y * 8 > 500 + 128;
      if (is_far) {
        ASSERT_FALSE(is_white) << x << ", " << y;
      }
    }
  }
  EXPECT_GE(white, 25 * 25) << "what cannot be read is white";
  const DamagedReader nothing({2048, 1024}, 0, 0, 2048);
  EXPECT_THROW((void)read_overview(nothing, 256), Error);
}

}  // namespace
}  // namespace imaging
