#include "app/workflows/cohort_figures.h"

#include "tests/support/test_support.h"

namespace workflows {
namespace {

const std::vector<std::string> kNames{"normal", "tumour"};

TEST(CohortFiguresTest, MatchesACountByHand) {
  const std::vector<CohortCase> cases{{{0.1, 0.9}, "tumour", "tumour"}, {{0.3, 0.7}, "tumour", "normal"},
                                      {{0.3, 0.7}, "tumour", "tumour"}, {{0.8, 0.2}, "normal", "normal"},
                                      {{0.6, 0.4}, "normal", ""},       {{0.6, 0.4}, "normal", "another"}};
  const auto figures = measure_cohort(cases, kNames, 1);
  EXPECT_EQ(figures.labelled, 4);
  EXPECT_DOUBLE_EQ(*figures.auc, 0.875);  // of 2 x 2 pairs three in order and one tied
  EXPECT_DOUBLE_EQ(*figures.accuracy, 0.75);
  EXPECT_EQ(figures.confusion, (std::vector<std::int64_t>{1, 1, 0, 2}));
  ASSERT_EQ(figures.roc.size(), 4U) << "tied probabilities are one step";
  EXPECT_DOUBLE_EQ(figures.roc[2].false_positive_rate, 0.5);
  EXPECT_DOUBLE_EQ(figures.roc[2].true_positive_rate, 1);
  double area = 0;
  for (std::size_t i = 1; i < figures.roc.size(); ++i) {
    area += (figures.roc[i].false_positive_rate - figures.roc[i - 1].false_positive_rate) *
            (figures.roc[i].true_positive_rate + figures.roc[i - 1].true_positive_rate) / 2;
  }
  EXPECT_DOUBLE_EQ(area, *figures.auc) << "the curve and the number are of one piece";
}

TEST(CohortFiguresTest, SaysNothingWithoutLabelsAndNoCurveOfOneClass) {
  EXPECT_EQ(measure_cohort({{{0.5, 0.5}, "normal", ""}}, kNames, 0).labelled, 0);
  const auto one = measure_cohort({{{0.2, 0.8}, "tumour", "tumour"}}, kNames, 1);
  EXPECT_EQ(one.labelled, 1);
  EXPECT_FALSE(one.auc);
  EXPECT_TRUE(one.roc.empty());
  EXPECT_DOUBLE_EQ(*one.accuracy, 1);
}

TEST(CohortFiguresTest, RefusesWhatDoesNotFit) {
  EXPECT_THAT([] { (void)measure_cohort({}, kNames, 2); },
              testing::Throws<imaging::Error>(support::HasCode(imaging::ErrorCode::invalid_argument)));
  EXPECT_THAT(
      [] {
        (void)measure_cohort({{{1}, "tumour", "tumour"}}, kNames, 1);
      },
      testing::Throws<imaging::Error>(support::HasCode(imaging::ErrorCode::invalid_argument)));
}

}  // namespace
}  // namespace workflows
