#include "models/runtime/metrics.h"

#include <cmath>
#include <nlohmann/json.hpp>

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

TEST(MetricsTest, ABinOfTheCalibrationErrorHoldsItsUpperEdge) {
  for (int k = 8; k <= 15; ++k) {
    // Two cases at the edge of bins k and k + 1, one right: the gap is of their mean, 0.5, only in one bin.
    const double edge = k / 15.0, above = std::min(1.0, edge + 0.01), below = edge - 0.01;
    const std::vector<double> with_lower = {1 - below, below, 1 - edge, edge};
    const std::vector<double> with_upper = {1 - above, above, 1 - edge, edge};
    const std::vector<std::int64_t> labels = {1, 0};
    EXPECT_NEAR(calibration_error(with_lower, labels, 2), std::abs(below + edge - 1) / 2, 1e-12) << k;
    if (k == 15) continue;
    EXPECT_NEAR(calibration_error(with_upper, labels, 2), (1 - above + edge) / 2, 1e-12) << k;
  }
}

TEST(MetricsTest, AveragePrecisionSumsOverDistinctScores) {
  const std::vector<double> scores = {0.9, 0.8, 0.8, 0.1};
  const std::vector<std::int64_t> positives = {1, 0, 1, 1};
  EXPECT_DOUBLE_EQ(average_precision(scores, positives).value(), (1.0 + 2.0 / 3 + 3.0 / 4) / 3);
  EXPECT_FALSE(average_precision(scores, std::vector<std::int64_t>(4, 0)));
}

TEST(MetricsTest, InstanceAreaIsPooledAndMeanOverBagsWithBothKinds) {
  const std::vector<double> scores = {0.9, 0.1, 0.5, 0.4, 0.3};
  const std::vector<std::int64_t> positives = {1, 0, 0, 1, 0}, bags = {0, 0, 1, 1, 2};
  const auto areas = instance_auc(scores, positives, bags);
  EXPECT_DOUBLE_EQ(areas.pooled.value(), 5.0 / 6);
  EXPECT_DOUBLE_EQ(areas.mean.value(), 0.5);
  EXPECT_EQ(areas.mean_bags, 2);
}

TEST(MetricsTest, ReportsAllAtOnceAtTheLikeliestClassOrAThreshold) {
  const std::vector<double> probabilities = {0.9, 0.1, 0.7, 0.3, 0.6, 0.4, 0.2, 0.8};
  const std::vector<std::int64_t> labels = {0, 0, 1, 1};

  const auto likeliest = classification_metrics(probabilities, labels, 2);
  const auto lower = classification_metrics(probabilities, labels, 2, 0.4);

  EXPECT_DOUBLE_EQ(likeliest.accuracy, 0.75);
  EXPECT_DOUBLE_EQ(likeliest.f1.value(), 2.0 / 3);
  EXPECT_DOUBLE_EQ(likeliest.recalls[1].value(), 0.5);
  EXPECT_DOUBLE_EQ(likeliest.precisions[0], 2.0 / 3);
  EXPECT_DOUBLE_EQ(lower.accuracy, 1);
  EXPECT_DOUBLE_EQ(lower.threshold.value(), 0.4);
  EXPECT_DOUBLE_EQ(lower.auc.value(), 1);
  EXPECT_DOUBLE_EQ(lower.ece, likeliest.ece) << "calibration is of the likeliest class";
  const auto json = metrics_to_json(likeliest, {"normal", "tumor"});
  EXPECT_TRUE(json["threshold"].is_null());
  EXPECT_DOUBLE_EQ(json["f1s"]["normal"].get<double>(), likeliest.f1s[0]);
}

TEST(MetricsTest, RefusesWhatIsNoProbabilityOrNoClass) {
  const std::vector<double> broken = {0.5, std::nan("")}, three = {0.2, 0.3, 0.5};
  const std::vector<std::int64_t> one = {1}, five = {5};
  const auto refuses = [](const std::vector<double>& p, const std::vector<std::int64_t>& labels,
                          std::int64_t classes, std::optional<double> threshold) {
    EXPECT_THAT([&] { (void)classification_metrics(p, labels, classes, threshold); },
                Throws<Error>(HasCode(ErrorCode::invalid_argument)));
  };
  refuses(broken, one, 2, {});
  refuses(three, one, 2, {});
  refuses(three, one, 3, 0.5);
  refuses(three, five, 3, {});
  refuses({}, {}, 2, {});
}

TEST(MetricsTest, ChoosesAThresholdByTheNameOfItsRule) {
  const std::vector<double> probabilities = {0.9, 0.1, 0.7, 0.3, 0.6, 0.4, 0.2, 0.8};
  const std::vector<std::int64_t> labels = {0, 0, 1, 1};
  EXPECT_FALSE(choose_threshold("fixed", probabilities, labels, 2));
  EXPECT_DOUBLE_EQ(choose_threshold("youden", probabilities, labels, 2).value(), 0.4);
  EXPECT_THAT([&] { (void)choose_threshold("best", probabilities, labels, 2); },
              Throws<Error>(HasCode(ErrorCode::invalid_argument)));
  EXPECT_THAT([&] { (void)choose_threshold("youden", probabilities, std::vector<std::int64_t>(4, 1), 2); },
              Throws<Error>(HasCode(ErrorCode::insufficient_data)));
}

}  // namespace
}  // namespace models
