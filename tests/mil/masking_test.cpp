#include "mil/training/masking.h"

#include <numeric>

#include "imaging/base/random.h"
#include "mil/training/schedule.h"
#include "tests/support/test_support.h"

namespace mil {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using support::HasCode;
using testing::ElementsAre;
using testing::Throws;

std::vector<std::int64_t> straight(std::int64_t n) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  return order;
}

TEST(MaskingTest, UnitesItsStagesInAscendingOrder) {
  const std::vector<float> scores = {5, 1, 9, 2, 8, 3, 7, 4, 6, 0};

  const auto masked =
      select_masked(scores, 10, {.random = 0, .low = 0.2, .high = 0.2, .high_pool = 1}, &straight);

  EXPECT_THAT(masked, ElementsAre(1, 2, 4, 9));
  EXPECT_THAT(kept_instances(masked, 10), ElementsAre(0, 3, 5, 6, 7, 8));
  EXPECT_TRUE(select_masked(scores, 10, {}, &straight).empty());
}

TEST(MaskingTest, MasksOneTileOfOne) {
  const std::vector<float> score = {0.5F};

  EXPECT_THAT(select_masked(score, 1, {.random = 0, .low = 0, .high = 0.01, .high_pool = 0.5}, &straight),
              ElementsAre(0));
}

TEST(MaskingTest, MeanFusionTakesTheTopOfEveryHead) {
  const std::vector<float> scores = {9, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 9};

  const auto masked = select_masked(scores, 10, {.random = 0, .low = 0, .high = 0.4, .high_pool = 1},
                                    &straight, HeadFusion::mean);

  EXPECT_THAT(masked, ElementsAre(0, 1, 8, 9));
}

TEST(MaskingTest, RefusesRatiosThatAreNoShares) {
  const std::vector<float> scores = {1, 2};
  EXPECT_THAT([&] { (void)select_masked(scores, 2, {.random = 1.5}, &straight); },
              Throws<Error>(HasCode(ErrorCode::invalid_argument)));
  EXPECT_THAT([&] { (void)select_masked(scores, 3, {}, &straight); },
              Throws<Error>(HasCode(ErrorCode::invalid_argument)));
}

TEST(ScheduleTest, MeetsItsEnds) {
  const auto values = cosine_schedule(1.0, 0.2, 10, 4, 0.1);

  ASSERT_EQ(values.size(), 10U);
  EXPECT_DOUBLE_EQ(values[0], 0.1);
  EXPECT_DOUBLE_EQ(values[3], 1.0);
  EXPECT_DOUBLE_EQ(values[4], 1.0);
  EXPECT_DOUBLE_EQ(cosine_value(1.0, 0.2, 6, 6), 0.2);
  EXPECT_THAT([] { (void)cosine_schedule(1, 0, 3, 4); }, Throws<Error>(HasCode(ErrorCode::invalid_argument)));
}

}  // namespace
}  // namespace mil
