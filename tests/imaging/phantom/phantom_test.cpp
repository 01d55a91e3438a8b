#include <openslide/openslide.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "imaging/base/files.h"
#include "imaging/phantom/checker_slide.h"
#include "imaging/phantom/slide_phantom.h"
#include "imaging/raster/png.h"
#include "imaging/slide/pyramid_tiff_writer.h"
#include "tests/support/test_support.h"

namespace imaging {
namespace {

namespace fs = std::filesystem;

struct SlideCloser {
  void operator()(openslide_t* slide) const { openslide_close(slide); }
};
using OpenSlide = std::unique_ptr<openslide_t, SlideCloser>;

SlidePhantomOptions small_slide() {
  SlidePhantomOptions options;
  options.width = 1900;
  options.height = 1300;
  options.seed = 11;
  options.tumour_fraction = 0.3;
  return options;
}

TEST(CheckerSlideTest, LosslessBoardDecodesOnEveryLevelOfAMixedPyramid) {
  const support::TemporaryFolder folder;
  const auto path = folder / "board.tiff";
  const CheckerOptions options{
      .columns = 300, .rows = 260, .cell_px = 16, .mpp_x = 0.4, .mpp_y = 0.6, .downsamples = {1, 4, 16}};
  write_checker_slide(path, options);

  const OpenSlide slide(openslide_open(path.c_str()));
  ASSERT_TRUE(slide);
  ASSERT_EQ(openslide_get_level_count(slide.get()), 3);
  EXPECT_NEAR(std::atof(openslide_get_property_value(slide.get(), "tiff.XResolution")), 25000, 0.01);
  EXPECT_NEAR(std::atof(openslide_get_property_value(slide.get(), "tiff.YResolution")), 16666.67, 0.01);
  for (int level = 0; level < 3; ++level) {
    const std::int64_t cell = options.cell_px / options.downsamples[static_cast<std::size_t>(level)];
    std::int64_t width = 0;
    std::int64_t height = 0;
    openslide_get_level_dimensions(slide.get(), level, &width, &height);
    ASSERT_EQ(width, options.columns * cell);
    ASSERT_EQ(height, options.rows * cell);
    std::vector<std::uint32_t> pixels(static_cast<std::size_t>(width * height));
    openslide_read_region(slide.get(), pixels.data(), 0, 0, level, width, height);
    ASSERT_EQ(openslide_get_error(slide.get()), nullptr);
    for (std::int64_t y = 0; y < height; ++y) {
      for (std::int64_t x = 0; x < width; ++x) {
        const std::uint32_t argb = pixels[static_cast<std::size_t>(y * width + x)];
        const std::array<std::uint8_t, 3> rgb{static_cast<std::uint8_t>(argb >> 16),
                                              static_cast<std::uint8_t>(argb >> 8),
                                              static_cast<std::uint8_t>(argb)};
        ASSERT_EQ(decode_checker_colour(rgb.data()), std::pair(x / cell, y / cell))
            << level << " " << x << " " << y;
      }
    }
  }
}

TEST(CheckerSlideTest, PngHoldsTheSameBoard) {
  const support::TemporaryFolder folder;
  write_checker_slide(folder / "board.png", {.columns = 5, .rows = 4, .cell_px = 8});

  const Image8 image = decode_image(read_file(folder / "board.png"));

  ASSERT_EQ(image.width(), 40);
  ASSERT_EQ(image.height(), 32);
  EXPECT_EQ(decode_checker_colour(image.pixel(39, 31)), (std::pair<std::int64_t, std::int64_t>(4, 3)));
  EXPECT_EQ(decode_checker_colour(image.pixel(8, 7)), (std::pair<std::int64_t, std::int64_t>(1, 0)));
}

TEST(CheckerSlideTest, ColoursAreDistinctAndDecode) {
  for (const std::int64_t column : {0, 1, 255, 256, 4095}) {
    for (const std::int64_t row : {0, 7, 300, 4095}) {
      EXPECT_EQ(decode_checker_colour(checker_colour(column, row).data()), std::pair(column, row));
    }
  }
}

TEST(CheckerSlideTest, RefusesCellsThatALevelWouldBlend) {
  const support::TemporaryFolder folder;
  EXPECT_THAT(
      [&] {
        write_checker_slide(folder / "x.tiff",
                            {.columns = 200, .rows = 200, .cell_px = 10, .downsamples = {1, 4}});
      },
      testing::Throws<Error>(support::HasCode(ErrorCode::invalid_argument)));
  EXPECT_THAT([&] { write_checker_slide(folder / "x.tiff", {.columns = 10, .rows = 10}); },
              testing::Throws<Error>(support::HasCode(ErrorCode::invalid_argument)))
      << "a level smaller than a tile";
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(PyramidTiffWriterTest, UnfinishedLeavesNothingBehind) {
  const support::TemporaryFolder folder;
  {
    PyramidTiffWriter writer(folder / "x.tiff", {.size = {600, 600}, .downsamples = {}, .description = ""});
    writer.append_rows(Image8(600, 256, 3, 200));
    EXPECT_THAT([&] { writer.append_rows(Image8(599, 256, 3)); },
                testing::Throws<Error>(support::HasCode(ErrorCode::invalid_argument)));
    EXPECT_THAT([&] { writer.finish(); },
                testing::Throws<Error>(support::HasCode(ErrorCode::invalid_argument)));
  }
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(SlidePhantomTest, SameSeedGivesSameBytesWhateverTheThreads) {
  const support::TemporaryFolder folder;
  write_slide_phantom(folder / "one.tiff", small_slide(), JobContext{}, 1);
  write_slide_phantom(folder / "three.tiff", small_slide(), JobContext{}, 3);

  for (const std::string extension : {".tiff", ".geojson", ".json"}) {
    EXPECT_EQ(read_file(folder / ("one" + extension)), read_file(folder / ("three" + extension)))
        << extension;
  }
  auto other = small_slide();
  other.seed = 12;
  write_slide_phantom(folder / "other.tiff", other, JobContext{}, 1);
  EXPECT_NE(read_file(folder / "one.tiff"), read_file(folder / "other.tiff"));
}

TEST(SlidePhantomTest, APlaceLooksTheSameHoweverItIsAskedFor) {
  const SlidePhantom phantom(small_slide());
  const Image8 large = phantom.render(300, 100, {900, 700});
  const Image8 part = phantom.render(777, 333, {64, 64});
  for (std::int64_t y = 0; y < 64; ++y) {
    for (std::int64_t x = 0; x < 64; ++x) {
      for (int c = 0; c < 3; ++c) {
        ASSERT_EQ(part.pixel(x, y)[c], large.pixel(x + 477, y + 233)[c]) << x << " " << y;
      }
    }
  }
}

TEST(SlidePhantomTest, OpensInOpenSlideAndSaysItIsSynthetic) {
  const support::TemporaryFolder folder;
  const auto path = folder / "slide.tiff";
  write_slide_phantom(path, small_slide(), JobContext{}, 2);

  const OpenSlide slide(openslide_open(path.c_str()));
  ASSERT_TRUE(slide);
  EXPECT_STREQ(openslide_get_property_value(slide.get(), "openslide.vendor"), "generic-tiff");
  EXPECT_EQ(openslide_get_level_count(slide.get()), 4);
  std::int64_t width = 0;
  std::int64_t height = 0;
  openslide_get_level_dimensions(slide.get(), 3, &width, &height);
  EXPECT_EQ(width, 1900 / 8);
  EXPECT_EQ(height, 1300 / 8);
  EXPECT_STREQ(openslide_get_property_value(slide.get(), "tiff.ResolutionUnit"), "centimeter");
  EXPECT_NEAR(std::atof(openslide_get_property_value(slide.get(), "tiff.XResolution")), 20000, 1e-6);
  const std::string comment = openslide_get_property_value(slide.get(), "openslide.comment");
  EXPECT_NE(comment.find("SYNTHETIC"), std::string::npos);
  EXPECT_NE(comment.find("seed=11"), std::string::npos);
  EXPECT_EQ(openslide_get_property_value(slide.get(), "tiff.DateTime"), nullptr);

  const auto truth = nlohmann::json::parse(read_file(folder / "slide.json"));
  EXPECT_EQ(truth.at("label"), "tumour");
  EXPECT_EQ(truth.at("synthetic"), true);
  EXPECT_NEAR(truth.at("tumour_fraction").get<double>(), 0.3, 0.02);
}

bool is_inside(const std::vector<std::vector<PointD>>& rings, double x, double y) {
  bool inside = false;
  for (const auto& ring : rings) {
    for (std::size_t i = 0, j = ring.size() - 1; i < ring.size(); j = i++) {
      if ((ring[i].y > y) != (ring[j].y > y) &&
          x < ring[i].x + (ring[j].x - ring[i].x) * (y - ring[i].y) / (ring[j].y - ring[i].y)) {
        inside = !inside;
      }
    }
  }
  return inside;
}

TEST(SlidePhantomTest, OutlinesAgreeWithTheClassAtEachPoint) {
  const SlidePhantom phantom(small_slide());
  const auto regions = phantom.regions();
  std::int64_t points = 0;
  std::int64_t agreeing = 0;
  std::map<TissueClass, int> seen;
  for (double y = 3; y < 1300; y += 9) {
    for (double x = 3; x < 1900; x += 9) {
      const TissueClass truth = phantom.class_at(x * 0.5, y * 0.5);
      ++seen[truth];
      std::map<TissueClass, bool> inside;
      for (const auto& region : regions) {
        if (is_inside(region.rings_l0, x, y)) inside[region.tissue] = true;
      }
      ++points;
      bool agrees = inside[TissueClass::stroma] == (truth != TissueClass::background);
      for (const TissueClass tissue :
           {TissueClass::tumour, TissueClass::gland, TissueClass::fat, TissueClass::lymphocytes}) {
        agrees = agrees && inside[tissue] == (truth == tissue);
      }
      agreeing += agrees;
    }
  }
  EXPECT_GT(static_cast<double>(agreeing), 0.985 * static_cast<double>(points));
  EXPECT_GT(seen[TissueClass::tumour], 0);
  EXPECT_GT(seen[TissueClass::background], 0);
}

TEST(SlidePhantomTest, ScaleChangesResolutionNotTissue) {
  auto fine = small_slide();
  auto coarse = small_slide();
  fine.width = 2048, fine.height = 1536, fine.mpp = 0.25;
  coarse.width = 512, coarse.height = 384, coarse.mpp = 1.0;
  const SlidePhantom a(fine);
  const SlidePhantom b(coarse);
  for (double y = 1; y < 384; y += 7) {
    for (double x = 1; x < 512; x += 7) ASSERT_EQ(a.class_at(x, y), b.class_at(x, y));
  }
  EXPECT_EQ(a.tumour_fraction(), b.tumour_fraction());
}

TEST(SlidePhantomTest, NormalSlidesHoldNoTumourButTheDistractors) {
  auto options = small_slide();
  options.width = options.height = 6000;
  options.tumour_fraction = 0;
  const SlidePhantom phantom(options);
  std::map<TissueClass, int> seen;
  for (double y = 0; y < 3000; y += 20) {
    for (double x = 0; x < 3000; x += 20) ++seen[phantom.class_at(x, y)];
  }
  EXPECT_EQ(seen[TissueClass::tumour], 0);
  EXPECT_GT(seen[TissueClass::lymphocytes], 0);
  EXPECT_GT(seen[TissueClass::gland], 0);
  EXPECT_GT(seen[TissueClass::fat], 0);
  EXPECT_GT(seen[TissueClass::stroma], 0);
  EXPECT_EQ(phantom.class_at(-1, 5), TissueClass::background);
}

TEST(SlidePhantomTest, TissueIsStainedAndGlassIsClear) {
  const auto options = small_slide();
  const SlidePhantom phantom(options);
  const Image8 image = phantom.render(0, 0, {options.width, options.height});
  std::map<bool, double> sum;
  std::map<bool, double> count;
  for (std::int64_t y = 0; y < options.height; y += 3) {
    for (std::int64_t x = 0; x < options.width; x += 3) {
      const bool is_tissue = phantom.class_at(static_cast<double>(x) * 0.5, static_cast<double>(y) * 0.5) !=
                             TissueClass::background;
      sum[is_tissue] += image.pixel(x, y)[1];
      ++count[is_tissue];
    }
  }
  EXPECT_GT(sum[false] / count[false], 230);
  EXPECT_LT(sum[true] / count[true], 190);
}

TEST(SlidePhantomTest, RefusesUnknownDomainsAndExtensions) {
  const auto is_invalid = support::HasCode(ErrorCode::invalid_argument);
  auto options = small_slide();
  options.domain = "hospital-x";
  EXPECT_THAT([&] { SlidePhantom phantom(options); }, testing::Throws<Error>(is_invalid));
  const support::TemporaryFolder folder;
  EXPECT_THAT([&] { write_slide_phantom(folder / "x.png", small_slide(), JobContext{}, 1); },
              testing::Throws<Error>(is_invalid));
}

}  // namespace
}  // namespace imaging
