#include "models/runtime/metrics.h"

#include "tests/support/test_support.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using support::HasCode;
using testing::Throws;

TEST(MetricsTest, CountsTiesHalfInTheArea) {
  const std::vector<double> scores = {0.9, 0.5, 0.5, 0.1};
  EXPECT_DOUBLE_EQ(roc_auc(scores, std::vector<std::int64_t>{1, 1, 0, 0}).value(), 3.5 / 4);
  EXPECT_DOUBLE_EQ(roc_auc(std::vector<double>(4, 0.3), std::vector<std::int64_t>{1, 1, 0, 0}).value(), 0.5);
}

TEST(MetricsTest, LeavesTheAreaAbsentWhereAClassIsMissing) {
  const std::vector<double> scores = {0.9, 0.5};
  EXPECT_FALSE(roc_auc(scores, std::vector<std::int64_t>{1, 1}));
  EXPECT_FALSE(youden_threshold(scores, std::vector<std::int64_t>{0, 0}));
  EXPECT_FALSE(
      macro_auc(std::vector<double>{0.2, 0.3, 0.5, 0.6, 0.2, 0.2}, std::vector<std::int64_t>{0, 1}, 3));
}

TEST(MetricsTest, AgreesWithCountsByHand) {
  const std::vector<std::int64_t> labels = {0, 0, 0, 1, 1, 2};
  const std::vector<std::int64_t> predicted = {0, 0, 1, 1, 0, 2};

  const auto confusion = count_confusion(labels, predicted, 3);

  EXPECT_EQ(confusion.at(0, 1), 1);
  EXPECT_DOUBLE_EQ(confusion.accuracy(), 4.0 / 6);
  EXPECT_DOUBLE_EQ(confusion.balanced_accuracy(), (2.0 / 3 + 0.5 + 1) / 3);
  EXPECT_DOUBLE_EQ(confusion.macro_f1(), (2.0 / 3 + 0.5 + 1) / 3);
  EXPECT_THAT([&] { (void)count_confusion(labels, predicted, 2); },
              Throws<Error>(HasCode(ErrorCode::invalid_argument)));
}

TEST(MetricsTest, TakesTheHighestOfEquallyGoodThresholds) {
  const std::vector<double> scores = {0.9, 0.8, 0.7, 0.6};
  EXPECT_DOUBLE_EQ(youden_threshold(scores, std::vector<std::int64_t>{1, 0, 1, 0}).value(), 0.9);
}

TEST(MetricsTest, CalibrationErrorIsTheGapOfConfidenceAndAccuracy) {
  const std::vector<double> sure_and_half_right = {0.1, 0.9, 0.1, 0.9};
  EXPECT_NEAR(calibration_error(sure_and_half_right, std::vector<std::int64_t>{1, 0}, 2), 0.4, 1e-12);
}

TEST(MetricsTest, BootstrapResamplesWholeGroupsAndRepeatsItself) {
  const std::vector<std::int64_t> groups = {0, 0, 1, 1, 2, 2, 3, 3};
  const std::vector<double> values = {1, 1, 2, 2, 3, 3, 4, 4};
  const auto mean = [&](std::span<const std::int64_t> chosen) -> std::optional<double> {
    EXPECT_EQ(chosen.size(), 8U);
    double sum = 0;
    for (const auto index : chosen) sum += values[static_cast<std::size_t>(index)];
    return sum / 8;
  };

  const auto interval = bootstrap_interval(groups, 500, 4, mean).value();

  EXPECT_LT(interval.low, 2.0);
  EXPECT_GT(interval.high, 3.0);
  EXPECT_EQ(interval.low, bootstrap_interval(groups, 500, 4, mean)->low);
  EXPECT_FALSE(bootstrap_interval(groups, 10, 4, [](auto) { return std::optional<double>(); }));
}

}  // namespace
}  // namespace models
