#include "models/runtime/statistics.h"

#include <cmath>

#include "imaging/base/random.h"
#include "models/runtime/calibration.h"
#include "tests/support/test_support.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using support::HasCode;
using testing::Throws;

struct Drawn {
  std::vector<double> logits, probabilities;
  std::vector<std::int64_t> labels, groups;
};

/// Two-class cases whose labels follow softmax(logits / temperature).
Drawn draw_cases(std::int64_t count, double temperature, std::uint64_t seed) {
  imaging::Random random(seed);
  Drawn drawn;
  for (std::int64_t i = 0; i < count; ++i) {
    const double logit = 3 * random.normal();
    const double p = 1 / (1 + std::exp(-logit));
    drawn.logits.insert(drawn.logits.end(), {0, logit});
    drawn.probabilities.insert(drawn.probabilities.end(), {1 - p, p});
    drawn.labels.push_back(random.uniform() < 1 / (1 + std::exp(-logit / temperature)) ? 1 : 0);
    drawn.groups.push_back(i);
  }
  return drawn;
}

TEST(BootstrapTest, ResamplesWholeGroupsAndRepeatsItself) {
  const std::vector<std::int64_t> groups = {0, 0, 1, 1, 2, 2, 3, 3};
  const std::vector<double> values = {1, 1, 2, 2, 3, 3, 4, 4};
  const auto mean = [&](std::span<const std::int64_t> weights) -> std::optional<double> {
    double sum = 0;
    std::int64_t drawn = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      EXPECT_EQ(weights[i], weights[i ^ 1U]) << "a patient's slides stay together";
      sum += values[i] * static_cast<double>(weights[i]);
      drawn += weights[i];
    }
    EXPECT_EQ(drawn, 8);
    return sum / 8;
  };
  const BootstrapOptions options{.replicates = 500, .seed = 4};

  const auto interval = bootstrap_interval(groups, options, mean).value();

  EXPECT_LT(interval.low, 2.0);
  EXPECT_GT(interval.high, 3.0);
  EXPECT_EQ(interval.low, bootstrap_interval(groups, options, mean)->low);
  EXPECT_FALSE(bootstrap_interval(groups, options, [](auto) { return std::optional<double>(); }));
}

TEST(BootstrapTest, IntervalsHoldEveryHeadlineValue) {
  const auto drawn = draw_cases(400, 1, 7);
  const ScoredCases cases(drawn.probabilities, drawn.labels, 2);

  const auto intervals = bootstrap_metrics(cases, drawn.groups);

  for (const auto& [name, value] : headline_values(cases.metrics())) {
    ASSERT_TRUE(intervals.contains(name)) << name;
    if (name == "ece") continue;  // it is biased upwards by resampling
    EXPECT_LT(intervals.at(name).low, value.value()) << name;
    EXPECT_GT(intervals.at(name).high, value.value()) << name;
  }
  // The binomial width of an accuracy over 400 cases.
  const double accuracy = cases.metrics().accuracy;
  const double half = 1.96 * std::sqrt(accuracy * (1 - accuracy) / 400);
  EXPECT_NEAR(intervals.at("accuracy").high - intervals.at("accuracy").low, 2 * half, 0.3 * half);
}

TEST(BootstrapTest, WeightsCountLikeRepeatedCases) {
  const auto drawn = draw_cases(30, 1, 9);
  const ScoredCases cases(drawn.probabilities, drawn.labels, 2, 0.4);
  std::vector<std::int64_t> weights, labels;
  std::vector<double> probabilities;
  for (std::size_t i = 0; i < 30; ++i) {
    weights.push_back(static_cast<std::int64_t>(i % 3));
    for (std::int64_t copy = 0; copy < weights.back(); ++copy) {
      labels.push_back(drawn.labels[i]);
      probabilities.insert(probabilities.end(), {drawn.probabilities[2 * i], drawn.probabilities[2 * i + 1]});
    }
  }

  const auto weighted = headline_values(cases.metrics(weights));

  for (const auto& [name, value] : headline_values(classification_metrics(probabilities, labels, 2, 0.4)))
    EXPECT_NEAR(weighted.at(name).value(), value.value(), 1e-12) << name;
}

TEST(BootstrapTest, FindsTheBetterOfTwoModelsOnTheSameCases) {
  const auto drawn = draw_cases(300, 1, 3);
  auto blurred = drawn.probabilities;
  imaging::Random random(5);
  for (std::size_t i = 0; i < blurred.size(); i += 2) {
    blurred[i + 1] = std::clamp(blurred[i + 1] + 0.5 * random.normal(), 0.0, 1.0);
    blurred[i] = 1 - blurred[i + 1];
  }
  const ScoredCases good(drawn.probabilities, drawn.labels, 2), worse(blurred, drawn.labels, 2);

  const auto differences = bootstrap_differences(good, worse, drawn.groups);

  EXPECT_GT(differences.at("auc").interval.low, 0);
  EXPECT_LT(differences.at("auc").p_value, 0.01);
  EXPECT_DOUBLE_EQ(bootstrap_differences(good, good, drawn.groups).at("auc").p_value, 1);
  const std::vector<std::int64_t> others(300, 1);
  EXPECT_THAT([&] { (void)bootstrap_differences(good, ScoredCases(blurred, others, 2), drawn.groups); },
              Throws<Error>(HasCode(ErrorCode::invalid_argument)));
}

TEST(SignedRankTest, AgreesWithTheTablesWhereAllDifferencesAgreeInSign) {
  const std::vector<double> first = {5, 6, 7, 8, 9}, second = {4, 4, 4, 4, 4};
  const auto test = signed_rank_test(first, second);
  EXPECT_EQ(test.pairs, 5);
  EXPECT_DOUBLE_EQ(test.rank_sum, 15);
  EXPECT_DOUBLE_EQ(test.p_value, 2.0 / 32);
  EXPECT_DOUBLE_EQ(test.mean_difference, 3);
}

TEST(SignedRankTest, CountsTiesExactlyAndLeavesEqualPairsOut) {
  // Differences .1 .1 -.1 .2 0: ranks 2 2 2 4. The positive sum is 8 of 10; the sums of the 16 patterns that
  // are as far from 5 are 0, 10, and three each of 2 and 8.
  const std::vector<double> first = {0.9, 0.8, 0.6, 0.7, 0.4}, second = {0.8, 0.7, 0.7, 0.5, 0.4};
  const auto test = signed_rank_test(first, second);
  EXPECT_EQ(test.pairs, 4);
  EXPECT_DOUBLE_EQ(test.rank_sum, 8);
  EXPECT_NEAR(test.p_value, 8.0 / 16, 1e-12);
  EXPECT_DOUBLE_EQ(signed_rank_test(first, first).p_value, 1);
}

TEST(SignedRankTest, TheNormalFormFollowsTheExactOne) {
  imaging::Random random(2);
  std::vector<double> first, second(201, 0.0);
  for (int i = 0; i < 200; ++i) first.push_back(random.normal() + 0.15);
  first.push_back(1e-9);  // the smallest rank: one pair more than are counted exactly

  const auto exact = signed_rank_test(std::span(first).first(200), std::span(second).first(200));
  const auto normal = signed_rank_test(first, second);

  EXPECT_EQ(normal.pairs, 201);
  EXPECT_LT(exact.p_value, 0.9);
  EXPECT_NEAR(normal.p_value, exact.p_value, 0.01);
}

TEST(CalibrationTest, FindsTheTemperatureThatTheLabelsWereDrawnWith) {
  const auto drawn = draw_cases(4000, 2.5, 11);
  const auto fit = fit_temperature(drawn.logits, drawn.labels, 2);
  EXPECT_NEAR(fit.temperature, 2.5, 0.25);
  EXPECT_LT(fit.nll_after, fit.nll_before);
  EXPECT_LT(fit.ece_after, fit.ece_before / 2);
  EXPECT_EQ(fit.cases, 4000);
  EXPECT_TRUE(fit.note.empty());
  EXPECT_EQ(fit.temperature, fit_temperature(drawn.logits, drawn.labels, 2).temperature);
}

TEST(CalibrationTest, TakesLogarithmsOfProbabilitiesForLogits) {
  const auto drawn = draw_cases(300, 2, 12);
  std::vector<double> logarithms;
  for (const double p : drawn.probabilities) logarithms.push_back(std::log(p));
  EXPECT_NEAR(fit_temperature(drawn.logits, drawn.labels, 2).temperature,
              fit_temperature(logarithms, drawn.labels, 2).temperature, 1e-6);
}

TEST(CalibrationTest, StaysAtOneAndSaysWhyWhereNothingIsToBeLearned) {
  std::vector<double> logits, reversed;
  std::vector<std::int64_t> labels;
  for (int i = 0; i < 30; ++i) {
    labels.push_back(i % 2);
    logits.insert(logits.end(), {i % 2 == 0 ? 2.0 : -2.0, 0.0});
    reversed.insert(reversed.end(), {i % 2 == 0 ? -2.0 : 2.0, 0.0});
  }
  const auto all_right = fit_temperature(logits, labels, 2);
  EXPECT_EQ(all_right.temperature, 1);
  EXPECT_THAT(all_right.note, testing::HasSubstr("right"));
  EXPECT_EQ(all_right.nll_after, all_right.nll_before);
  const auto all_wrong = fit_temperature(reversed, labels, 2);
  EXPECT_EQ(all_wrong.temperature, 1);
  EXPECT_THAT(all_wrong.note, testing::HasSubstr("chance"));
}

TEST(CalibrationTest, RefusesFewCasesOneClassAndBrokenLogits) {
  auto drawn = draw_cases(40, 1, 13);
  const auto logits = std::span<const double>(drawn.logits);
  const auto labels = std::span<const std::int64_t>(drawn.labels);
  EXPECT_THAT([&] { (void)fit_temperature(logits.first(38), labels.first(19), 2); },
              Throws<Error>(HasCode(ErrorCode::insufficient_data)));
  EXPECT_THAT([&] { (void)fit_temperature(logits, std::vector<std::int64_t>(40, 1), 2); },
              Throws<Error>(HasCode(ErrorCode::insufficient_data)));
  EXPECT_THAT([&] { (void)fit_temperature(logits.first(41), labels, 2); },
              Throws<Error>(HasCode(ErrorCode::invalid_argument)));
  drawn.logits[3] = std::nan("");
  EXPECT_THAT([&] { (void)fit_temperature(drawn.logits, labels, 2); },
              Throws<Error>(HasCode(ErrorCode::invalid_argument)));
}

}  // namespace
}  // namespace models
