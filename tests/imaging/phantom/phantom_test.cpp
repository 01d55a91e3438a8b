#include <openslide/openslide.h>
#include <sys/resource.h>

#include <csignal>
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

TEST(PyramidTiffWriterTest, BigTiffHoldsTheSamePixelsOnEveryLevel) {
  const support::TemporaryFolder folder;
  Image8 rows(700, 256, 3);
  for (std::int64_t y = 0; y < 256; ++y) {
    for (std::int64_t x = 0; x < 700; ++x) {
      for (int c = 0; c < 3; ++c) rows.pixel(x, y)[c] = static_cast<std::uint8_t>(x * (c + 1) + 5 * y);
    }
  }
  for (const bool is_big : {false, true}) {
    PyramidTiffWriter writer(
        folder / (is_big ? "big.tiff" : "classic.tiff"),
        {.size = {700, 768}, .downsamples = {1, 2, 4}, .description = "d", .big_tiff = is_big});
    for (int i = 0; i < 3; ++i) writer.append_rows(rows);
    writer.finish();
  }
  EXPECT_EQ(read_file(folder / "big.tiff").substr(0, 4), std::string("II\x2b\0", 4));
  EXPECT_EQ(read_file(folder / "classic.tiff").substr(0, 4), std::string("II\x2a\0", 4));
  const OpenSlide big(openslide_open((folder / "big.tiff").c_str()));
  const OpenSlide classic(openslide_open((folder / "classic.tiff").c_str()));
  ASSERT_TRUE(big && classic);
  ASSERT_EQ(openslide_get_level_count(big.get()), 3);
  for (int level = 0; level < 3; ++level) {
    const auto read = [&](openslide_t* slide) {
      std::vector<std::uint32_t> pixels(700 * 768);
      openslide_read_region(slide, pixels.data(), 0, 0, level, 700 >> level, 768 >> level);
      EXPECT_EQ(openslide_get_error(slide), nullptr);
      return pixels;
    };
    EXPECT_EQ(read(big.get()), read(classic.get())) << level;
  }
}

TEST(PyramidTiffWriterTest, RefusesWhatTheDiskCannotHold) {
  const support::TemporaryFolder folder;
  EXPECT_THAT(
      [&] {
        PyramidTiffWriter writer(folder / "x.tiff",
                                 {.size = {4000000000, 4000000000}, .downsamples = {}, .description = ""});
      },
      testing::Throws<Error>(support::HasCode(ErrorCode::io_error)));
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(SlidePhantomTest, ADiskFullOnTheWayLeavesNothingBehind) {
  const support::TemporaryFolder folder;
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  // The first fails while painting, the second while the levels are joined, when the truth is written.
  for (const rlim_t bytes : {rlim_t{100000}, rlim_t{700000}}) {
    const rlimit small{bytes, before.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
    EXPECT_THAT([&] { write_slide_phantom(folder / "slide.tiff", small_slide(), JobContext{}, 1); },
                testing::Throws<Error>(support::HasCode(ErrorCode::io_error)))
        << bytes;
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_TRUE(fs::is_empty(folder.path())) << bytes;
  }
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

std::array<double, 3> mean_colour(const Image8& image) {
  std::array<double, 3> mean{};
  for (std::int64_t y = 0; y < image.height(); ++y) {
    for (std::int64_t x = 0; x < image.width(); ++x) {
      for (std::size_t c = 0; c < 3; ++c) mean[c] += image.pixel(x, y)[c];
    }
  }
  for (double& value : mean) value /= static_cast<double>(image.width() * image.height());
  return mean;
}

// The bundled models were trained on these pixels. Another processor's sine may round one of them otherwise.
TEST(SlidePhantomTest, DefaultSlidesAreWhatTheyWere) {
  struct Patch {
    const char* domain;
    std::int64_t x, y;
    std::array<double, 3> mean;
  };
  for (const Patch& patch : {Patch{"hospital-a", 900, 600, {144.979, 90.819, 146.896}},
                             Patch{"hospital-d", 400, 500, {192.213, 152.131, 199.406}},
                             Patch{"hospital-f", 1300, 700, {149.189, 111.814, 156.918}},
                             Patch{"hospital-h", 4, 4, {235.884, 234.590, 233.283}}}) {
    auto options = small_slide();
    options.domain = patch.domain;
    const auto mean = mean_colour(SlidePhantom(options).render(patch.x, patch.y, {64, 64}));
    for (std::size_t c = 0; c < 3; ++c) {
      EXPECT_NEAR(mean[c], patch.mean[c], 0.02) << patch.domain << " " << patch.x << " channel " << c;
    }
  }
}

SlidePhantomOptions spoilt_slide() {
  auto options = small_slide();
  options.width = 3000;
  options.height = 2400;
  options.pen = 2;
  options.folds = 4;
  options.blur = 1;
  return options;
}

TEST(SlidePhantomTest, ArtefactsChangeThePixelsWhereTheyAreAndNoOthers) {
  auto plain = spoilt_slide();
  plain.pen = plain.folds = plain.blur = 0;
  const SlidePhantom clean(plain);
  const SizeI size{plain.width, plain.height};
  const Image8 before = clean.render(0, 0, size);
  struct Case {
    PhantomArtefact artefact;
    std::int64_t SlidePhantomOptions::*option;
  };
  for (const Case& tried : {Case{PhantomArtefact::pen, &SlidePhantomOptions::pen},
                            Case{PhantomArtefact::fold, &SlidePhantomOptions::folds},
                            Case{PhantomArtefact::blur, &SlidePhantomOptions::blur}}) {
    auto options = plain;
    options.*tried.option = spoilt_slide().*tried.option;
    const SlidePhantom phantom(options);
    const Image8 after = phantom.render(0, 0, size);
    std::int64_t inside = 0, outside = 0, changed_outside = 0;
    double light_before = 0, light_after = 0;
    for (std::int64_t y = 0; y < size.height; y += 5) {
      for (std::int64_t x = 0; x < size.width; x += 5) {
        const double x_um = (static_cast<double>(x) + 0.5) * 0.5;
        const double y_um = (static_cast<double>(y) + 0.5) * 0.5;
        EXPECT_EQ(phantom.class_at(x_um, y_um), clean.class_at(x_um, y_um));
        if (phantom.has_artefact(tried.artefact, x_um, y_um)) {
          ++inside;
          light_before += before.pixel(x, y)[0];
          light_after += after.pixel(x, y)[0];
        } else {
          ++outside;
          changed_outside += std::abs(before.pixel(x, y)[0] - after.pixel(x, y)[0]) > 8;
        }
      }
    }
    const int kind = static_cast<int>(tried.artefact);
    ASSERT_GT(inside, 100) << kind;
    EXPECT_LT(static_cast<double>(changed_outside), 0.01 * static_cast<double>(outside)) << kind;
    if (tried.artefact == PhantomArtefact::blur) {
      EXPECT_NEAR(light_after / light_before, 1, 0.05);
    } else {
      EXPECT_LT(light_after, 0.75 * light_before) << kind;
    }
  }
}

TEST(SlidePhantomTest, FocusIsLostInsideBlurAlone) {
  auto options = spoilt_slide();
  options.pen = options.folds = 0;
  const SlidePhantom phantom(options);
  const Image8 image = phantom.render(0, 0, {options.width, options.height});
  std::map<bool, double> edges;
  std::map<bool, double> count;
  for (std::int64_t y = 0; y < options.height; y += 3) {
    for (std::int64_t x = 0; x + 2 < options.width; x += 3) {
      const double x_um = static_cast<double>(x) * 0.5;
      const double y_um = static_cast<double>(y) * 0.5;
      if (phantom.class_at(x_um, y_um) == TissueClass::background) continue;
      const bool is_blurred = phantom.has_artefact(PhantomArtefact::blur, x_um, y_um);
      edges[is_blurred] += std::abs(image.pixel(x + 2, y)[1] - image.pixel(x, y)[1]);
      ++count[is_blurred];
    }
  }
  ASSERT_GT(count[true], 1000);
  EXPECT_LT(edges[true] / count[true], 0.5 * edges[false] / count[false]);
}

TEST(SlidePhantomTest, OutlinesOfArtefactsAgreeWithEachPointAndAreWritten) {
  const SlidePhantom phantom(spoilt_slide());
  const auto regions = phantom.artefacts();
  std::int64_t points = 0;
  std::int64_t agreeing = 0;
  for (double y = 3; y < 2400; y += 11) {
    for (double x = 3; x < 3000; x += 11) {
      std::map<PhantomArtefact, bool> inside;
      for (const auto& region : regions) {
        if (is_inside(region.rings_l0, x, y)) inside[region.artefact] = true;
      }
      ++points;
      bool agrees = true;
      for (const auto kind : {PhantomArtefact::pen, PhantomArtefact::fold, PhantomArtefact::blur}) {
        agrees = agrees && inside[kind] == phantom.has_artefact(kind, x * 0.5, y * 0.5);
      }
      agreeing += agrees;
    }
  }
  EXPECT_GT(static_cast<double>(agreeing), 0.99 * static_cast<double>(points));

  const support::TemporaryFolder folder;
  write_slide_phantom(folder / "one.tiff", spoilt_slide(), JobContext{}, 1);
  write_slide_phantom(folder / "two.tiff", spoilt_slide(), JobContext{}, 2);
  EXPECT_EQ(read_file(folder / "one.tiff"), read_file(folder / "two.tiff"));
  std::map<std::string, int> names;
  const auto truth = nlohmann::json::parse(read_file(folder / "one.geojson"));
  for (const auto& feature : truth.at("features")) {
    ++names[feature.at("properties").at("classification").at("name").get<std::string>()];
  }
  EXPECT_GE(names["Pen"], 2);
  EXPECT_GE(names["Fold"], 1);
  EXPECT_GE(names["Out of focus"], 1);
}

TEST(SlidePhantomTest, MarginsHoldNoTissueAndVignettingDarkensTheFieldsCorners) {
  auto options = small_slide();
  options.width = 4000;
  options.height = 3000;
  options.margin = 0.25;
  options.vignetting = 0.2;
  const SlidePhantom phantom(options);
  std::int64_t tissue = 0;
  for (double y = 0; y < 1500; y += 10) {
    for (double x = 0; x < 2000; x += 10) {
      if (phantom.class_at(x, y) == TissueClass::background) continue;
      ++tissue;
      ASSERT_TRUE(x >= 500 && x <= 1500 && y >= 375 && y <= 1125) << x << " " << y;
    }
  }
  EXPECT_GT(tissue, 100);
  // A field is 700 x 525 µm: its corner, and its middle, 32 pixels each.
  const auto corner = mean_colour(phantom.render(0, 0, {32, 32}));
  const auto middle = mean_colour(phantom.render(684, 509, {32, 32}));
  EXPECT_NEAR(corner[1] / middle[1], 0.8, 0.03);
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
