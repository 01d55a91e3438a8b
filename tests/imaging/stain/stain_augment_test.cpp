#include "imaging/stain/stain_augment.h"

#include <cmath>

#include "imaging/base/error.h"
#include "tests/imaging/stain/stain_test_support.h"
#include "tests/support/test_support.h"

namespace imaging {
namespace {

TEST(StainAugmentTest, StrengthNoneChangesNothing) {
  const auto& image = painted("hospital-a");
  auto same = image;
  Random random(7);
  StainAugmentation({.stain_augment = 0}, random).apply(same);
  EXPECT_EQ(same, image);
}

TEST(StainAugmentTest, TheSameSeedDrawsTheSameLaboratory) {
  const auto& image = painted("hospital-a");
  const auto augmented = [&](std::uint64_t seed) {
    auto copy = image;
    Random random(seed);
    StainAugmentation({}, random).apply(copy);
    return copy;
  };
  EXPECT_EQ(augmented(1), augmented(1));
  EXPECT_NE(augmented(1), augmented(2));
}

TEST(StainAugmentTest, MoreStrengthMovesColoursMoreAndGlassStaysPale) {
  const auto& image = painted("hospital-b");
  const auto before = mean_tissue_colour(image, image);
  double last = 0;
  for (const double strength : {0.05, 0.2, 0.5}) {
    Random random(3);
    double moved = 0;
    for (int i = 0; i < 8; ++i) {
      auto copy = image;
      StainAugmentation({.stain_augment = strength}, random).apply(copy);
      moved += mean_distance({before, mean_tissue_colour(copy, image)}) / 8;
      EXPECT_GT(copy.pixel(1, 1)[1], strength < 0.3 ? 190 : 120) << "glass in the corner";
    }
    EXPECT_GT(moved, 1.5 * last) << strength;
    last = moved;
  }
}

TEST(StainAugmentTest, RefusesGreyTilesAndStrengthsOutOfRange) {
  const auto is_invalid = testing::Throws<Error>(support::HasCode(ErrorCode::invalid_argument));
  Random random(1);
  Image8 grey(8, 8, 1);
  EXPECT_THAT([&] { StainAugmentation({}, random).apply(grey); }, is_invalid);
  EXPECT_THAT([&] { StainAugmentation({.stain_augment = 1.5}, random); }, is_invalid);
}

}  // namespace
}  // namespace imaging
