#include "app/viewmodels/tile_plan.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace viewmodels {
namespace {

TEST(TilePlanTest, CoversWhatIsVisibleAndNothingElse) {
  const imaging::RectD visible{1000.5, 300.25, 2000, 1500};
  const auto keys = plan_tiles(4, {60000, 40000}, visible, 1, 0);

  std::set<imaging::ViewTileKey> planned(keys.begin(), keys.end());
  EXPECT_EQ(planned.size(), keys.size());
  for (std::int64_t row = 0; row < 90; ++row) {
    for (std::int64_t column = 0; column < 130; ++column) {
      const imaging::ViewTileKey key{4, 1, column, row};
      const auto rect = imaging::view_tile_rect_l0(key);
      const bool meets = rect.x < visible.right() && rect.right() > visible.x && rect.y < visible.bottom() &&
                         rect.bottom() > visible.y;
      EXPECT_EQ(planned.contains(key), meets) << column << ", " << row;
    }
  }
}

TEST(TilePlanTest, PutsTheMiddleFirstAndTheMarginLast) {
  const auto keys = plan_tiles(1, {60000, 40000}, {2560, 2560, 1280, 1280}, 0, 1);

  EXPECT_EQ(keys.size(), 49U);
  EXPECT_EQ(keys.front(), (imaging::ViewTileKey{1, 0, 12, 12}));
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const bool inner = keys[i].column >= 10 && keys[i].column < 15 && keys[i].row >= 10 && keys[i].row < 15;
    EXPECT_EQ(inner, i < 25);
  }
}

TEST(TilePlanTest, StaysOnTheSlide) {
  EXPECT_EQ(plan_tiles(1, {300, 200}, {-1e6, -1e6, 3e6, 3e6}, 0, 2).size(), 2U);
  EXPECT_TRUE(plan_tiles(1, {300, 200}, {5000, 0, 100, 100}, 0, 0).empty());
}

TEST(TilePlanTest, ChoosesALevelThatIsEnlargedByLessThanAQuarter) {
  for (double scale = 1.0 / 512; scale < 1; scale *= 1.03) {
    const auto drawn = scale * std::ldexp(1.0, view_level(scale));  // device pixels per tile pixel
    EXPECT_LT(drawn, 1.2) << scale;
    EXPECT_GT(drawn, 0.59) << scale;
  }
  EXPECT_EQ(view_level(8), 0);
}

}  // namespace
}  // namespace viewmodels
