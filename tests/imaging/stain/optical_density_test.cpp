#include "imaging/stain/optical_density.h"

#include "imaging/base/error.h"
#include "tests/support/test_support.h"

namespace imaging {
namespace {

TEST(OpticalDensityTest, IsMinusLogOfTransmittance) {
  Image8 image(2, 1, 3, 255);
  image.pixel(1, 0)[0] = 24;
  image.pixel(1, 0)[1] = 0;

  const ImageF density = optical_density(image, 240.0);

  EXPECT_NEAR(density.pixel(0, 0)[0], -0.02633, 1e-4) << "brighter than the glass";
  EXPECT_NEAR(density.pixel(1, 0)[0], 1.0, 1e-6);
  EXPECT_NEAR(density.pixel(1, 0)[1], 2.38021, 1e-4) << "black counts as level 1";
}

TEST(OpticalDensityTest, DecomposingFindsWhatWasComposed) {
  ImageF amounts(32, 32, 2);
  for (std::int64_t y = 0; y < 32; ++y) {
    for (std::int64_t x = 0; x < 32; ++x) {
      amounts.pixel(x, y)[0] = 0.025F * static_cast<float>(x);
      amounts.pixel(x, y)[1] = 0.02F * static_cast<float>(y);
    }
  }
  for (const auto& stains : {kRuifrokStains, kMacenkoStains}) {
    const ImageF found = decompose_stains(compose_stains(amounts, stains, 243.0), stains, 243.0);
    for (std::size_t i = 0; i < amounts.values().size(); ++i) {
      ASSERT_NEAR(found.values()[i], amounts.values()[i], 0.02) << i;
    }
  }
}

TEST(OpticalDensityTest, RefusesWrongChannelsWhiteLevelAndParallelStains) {
  const auto is_invalid = support::HasCode(ErrorCode::invalid_argument);
  const Image8 rgb(2, 2, 3);
  EXPECT_THAT([&] { (void)optical_density(Image8(2, 2, 1)); }, testing::Throws<Error>(is_invalid));
  EXPECT_THAT([&] { (void)optical_density(rgb, 0.0); }, testing::Throws<Error>(is_invalid));
  EXPECT_THAT([&] { (void)compose_stains(ImageF(2, 2, 3), kRuifrokStains); },
              testing::Throws<Error>(is_invalid));
  const StainVectors parallel{{kRuifrokStains.rows[0], kRuifrokStains.rows[0]}};
  EXPECT_THAT([&] { (void)decompose_stains(rgb, parallel); }, testing::Throws<Error>(is_invalid));
}

}  // namespace
}  // namespace imaging
