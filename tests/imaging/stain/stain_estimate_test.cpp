#include <cmath>
#include <limits>

#include "imaging/base/random.h"
#include "imaging/slide/reader_table.h"
#include "imaging/stain/macenko.h"
#include "imaging/stain/vahadane.h"
#include "imaging/tissue/tissue_mask.h"
#include "tests/imaging/stain/stain_test_support.h"
#include "tests/support/test_support.h"

namespace imaging {
namespace {

/// Largest angle between stains found and true, over both. Measured on eight domains: Macenko up
/// to 5.0 degrees, Vahadane up to 4.1; pale eosin (hospital-d) is the hardest.
constexpr double kMacenkoDegrees = 5.5;
constexpr double kVahadaneDegrees = 5.0;

double allowed_degrees(std::string_view method) {
  return method == "macenko" ? kMacenkoDegrees : kVahadaneDegrees;
}

class StainEstimateTest : public testing::TestWithParam<std::string_view> {};
INSTANTIATE_TEST_SUITE_P(Methods, StainEstimateTest, testing::Values("macenko", "vahadane"),
                         [](const auto& method) { return std::string(method.param); });

void expect_true_stains(const StainProfile& found, const StainDomain& domain, double degrees) {
  const auto& rows = dyes_of(found).stains.rows;
  EXPECT_LT(angle_degrees(rows[0], domain.stains.rows[0]), degrees) << domain.name << " haematoxylin";
  EXPECT_LT(angle_degrees(rows[1], domain.stains.rows[1]), degrees) << domain.name << " eosin";
}

TEST_P(StainEstimateTest, FindsTheStainsOfEveryDomainHaematoxylinFirst) {
  for (const auto& domain : stain_domains()) {
    const auto found = measure_stain(GetParam(), sample_of(painted(domain.name)));

    expect_true_stains(found, domain, allowed_degrees(GetParam()));
    for (std::size_t c = 0; c < 3; ++c)
      EXPECT_NEAR(found.white[c], 255 * domain.white[c], 5.0) << domain.name;
  }
}

TEST_P(StainEstimateTest, ALessBrightLampChangesNothing) {
  auto image = painted("hospital-c");
  const auto bright = measure_stain(GetParam(), sample_of(image));
  constexpr std::array kLamp{0.86, 0.82, 0.80};
  for (std::size_t i = 0; i < image.values().size(); ++i)
    image.data()[i] = static_cast<std::uint8_t>(std::lround(kLamp[i % 3] * image.data()[i]));

  const auto dim = measure_stain(GetParam(), sample_of(image));

  for (std::size_t k = 0; k < 2; ++k) {
    EXPECT_LT(angle_degrees(dyes_of(bright).stains.rows[k], dyes_of(dim).stains.rows[k]), 1.0) << k;
    EXPECT_NEAR(dyes_of(dim).strength[k] / dyes_of(bright).strength[k], 1, 0.05) << k;
  }
}

TEST_P(StainEstimateTest, TheShareOfGlassDoesNotCount) {
  const auto& image = painted("hospital-b");
  Image8 glass(image.width(), 3 * image.height(), 3);
  const std::array<std::uint8_t, 3> clear{245, 244, 240};
  for (std::size_t i = 0; i < glass.values().size(); ++i) glass.data()[i] = clear[i % 3];

  const auto little = measure_stain(GetParam(), sample_of(image));
  const auto much = measure_stain(GetParam(), sample_pixels(std::vector{image, glass}));

  for (std::size_t k = 0; k < 2; ++k) {
    EXPECT_LT(angle_degrees(dyes_of(little).stains.rows[k], dyes_of(much).stains.rows[k]), 1.0) << k;
    EXPECT_NEAR(dyes_of(much).strength[k] / dyes_of(little).strength[k], 1, 0.06) << k;
  }
}

Image8 crop(const Image8& image, std::int64_t left, std::int64_t top, std::int64_t side) {
  Image8 part(side, side, 3);
  for (std::int64_t y = 0; y < side; ++y) std::copy_n(image.pixel(left, top + y), 3 * side, part.row(y));
  return part;
}

/// Tiles of 64 um that are lymphocytes in their middle and corners.
std::vector<Image8> lymphocyte_tiles(const SlidePhantom& phantom) {
  const auto& options = phantom.options();
  const auto whole = phantom.render(0, 0, {options.width, options.height});
  std::vector<Image8> tiles;
  const auto is_dense = [&](double x, double y) {
    return phantom.class_at(x, y) == TissueClass::lymphocytes;
  };
  for (std::int64_t y = 0; y + 64 <= phantom.options().height; y += 32) {
    for (std::int64_t x = 0; x + 64 <= phantom.options().width; x += 32) {
      const auto left = static_cast<double>(x), top = static_cast<double>(y);
      if (is_dense(left + 32, top + 32) && is_dense(left + 8, top + 8) && is_dense(left + 56, top + 56))
        tiles.push_back(crop(whole, x, y, 64));
    }
  }
  return tiles;
}

TEST_P(StainEstimateTest, LymphocyteRichTilesStillShowBothStains) {
  for (const std::string_view name : {"hospital-a", "hospital-e"}) {
    auto options = small_phantom(name);
    options.width = 2560;
    options.height = 1920;
    options.tumour_fraction = 0;
    const SlidePhantom phantom(options);
    const auto tiles = lymphocyte_tiles(phantom);
    ASSERT_GE(tiles.size(), 4U);

    const auto found = measure_stain(GetParam(), sample_pixels(tiles));

    expect_true_stains(found, find_stain_domain(name), 7.0);
  }
}

TEST_P(StainEstimateTest, ASlideWithPenMarksIsMeasuredOnItsTissue) {
  const support::TemporaryFolder folder;
  auto options = small_phantom("hospital-e");
  options.width = 3072;
  options.height = 2304;
  options.pen = 2;
  write_slide_phantom(folder / "pen.tiff", options, JobContext{}, 1);
  const auto reader = open_slide(folder / "pen.tiff");
  const auto scale = resolve_scale(reader->info(), std::nullopt, std::nullopt);
  const auto tissue = find_tissue(*reader, scale, {});
  const TileGrid grid(reader->info().size_l0(), scale, {.tile_mpp = 1.0, .tile_px = 128, .min_tissue = 0.5},
                      &tissue);

  const auto found = measure_stain(GetParam(), sample_slide_pixels(*reader, grid));

  expect_true_stains(found, find_stain_domain("hospital-e"), 12.0);
}

TEST_P(StainEstimateTest, IsTheSameEveryTime) {
  const auto sample = sample_of(painted("hospital-f"));
  const auto first = dyes_of(measure_stain(GetParam(), sample));
  const auto second = dyes_of(measure_stain(GetParam(), sample));
  EXPECT_EQ(first.stains.rows, second.stains.rows);
  EXPECT_EQ(first.strength, second.strength);
}

TEST_P(StainEstimateTest, RefusesGlassAndASingleStainInsteadOfInventingOne) {
  const auto is_refused = testing::Throws<Error>(support::HasCode(ErrorCode::insufficient_data));
  const std::string method(GetParam());
  EXPECT_THAT([&] { (void)measure_stain(method, Image8(512, 512, 3, 255)); }, is_refused) << "white";
  EXPECT_THAT([&] { (void)measure_stain(method, Image8(512, 512, 3, 0)); }, is_refused) << "black";
  Image8 noisy(512, 512, 3);
  Random random(3);
  for (auto& level : noisy.values()) level = static_cast<std::uint8_t>(std::lround(random.normal(243, 2.5)));
  EXPECT_THAT([&] { (void)measure_stain(method, noisy); }, is_refused) << "noise of a scanner on glass";
  ImageF amounts(512, 512, 2);
  for (std::int64_t i = 0; i < 512 * 512; ++i)
    amounts.data()[2 * i + 1] = static_cast<float>(random.uniform(0.2, 0.6));
  EXPECT_THAT([&] { (void)measure_stain(method, compose_stains(amounts, kMacenkoStains, 245)); }, is_refused)
      << "eosin alone";
}

TEST(StainSampleTest, TakesEvenlySpacedPixelsAcrossTiles) {
  std::vector<Image8> tiles(3, Image8(10, 7, 3));
  for (std::size_t t = 0; t < tiles.size(); ++t) {
    for (std::int64_t i = 0; i < 70; ++i) {
      const auto number = 70 * static_cast<std::int64_t>(t) + i;
      tiles[t].data()[3 * i] = static_cast<std::uint8_t>(number);
    }
  }
  const auto sample = sample_pixels(tiles, 50);
  ASSERT_EQ(sample.width(), 42) << "every fifth of 210";
  for (std::int64_t i = 0; i < sample.width(); ++i) EXPECT_EQ(sample.pixel(i, 0)[0], 5 * i);
  EXPECT_EQ(sample_pixels(tiles, 1000).width(), 210);
}

TEST(StainSampleTest, RefusesWhatIsNotRgb) {
  const auto is_invalid = testing::Throws<Error>(support::HasCode(ErrorCode::invalid_argument));
  EXPECT_THAT([] { (void)sample_pixels(std::vector{Image8(4, 4, 1)}); }, is_invalid);
  EXPECT_THAT([] { (void)measure_stain("macenko", Image8(4, 4, 1)); }, is_invalid);
  EXPECT_THAT([] { (void)measure_stain("vahadane", Image8()); }, is_invalid);
  EXPECT_THAT([] { (void)measure_stain("sepia", Image8(4, 4, 3)); }, is_invalid);
}

TEST(WhiteLevelTest, IsTheGlassAndFullScaleWhereThereIsNone) {
  Image8 image(100, 100, 3);
  for (std::int64_t i = 0; i < 100 * 100; ++i) {
    const std::array<std::uint8_t, 3> stained{190, 120, 170}, glass{238, 231, 226};
    std::copy_n(i % 20 == 0 ? glass.data() : stained.data(), 3, image.data() + 3 * i);
  }
  EXPECT_EQ(estimate_white_level(image), (WhiteLevel{238, 231, 226}));
  EXPECT_EQ(estimate_white_level(Image8(100, 100, 3, 90)), (WhiteLevel{255, 255, 255}));
}

TEST(SparseAmountsTest, AreTheMinimumOfTheNonNegativeLasso) {
  const double lambda = 0.04;
  const SparseAmounts amounts_of(kRuifrokStains, lambda);
  const auto cost = [&](const Density& od, double h, double e) {
    double squares = 0;
    for (std::size_t c = 0; c < 3; ++c) {
      const double rest =
          static_cast<double>(od[c]) - h * kRuifrokStains.rows[0][c] - e * kRuifrokStains.rows[1][c];
      squares += rest * rest;
    }
    return squares / 2 + lambda * (h + e);
  };
  Random random(1);
  for (int trial = 0; trial < 200; ++trial) {
    const Density od{static_cast<float>(random.uniform(-0.2, 1)), static_cast<float>(random.uniform(-0.2, 1)),
                     static_cast<float>(random.uniform(-0.2, 1))};
    const auto found = amounts_of(od);
    ASSERT_GE(found[0], 0);
    ASSERT_GE(found[1], 0);
    const double least = cost(od, static_cast<double>(found[0]), static_cast<double>(found[1]));
    for (double h = 0; h < 1.6; h += 0.02) {
      for (double e = 0; e < 1.6; e += 0.02) ASSERT_LE(least, cost(od, h, e) + 1e-6) << trial;
    }
  }
}

}  // namespace
}  // namespace imaging
