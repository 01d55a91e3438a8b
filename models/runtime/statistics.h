#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "models/runtime/metrics.h"

namespace models {

/// Number of every name in the order of first appearance: patients as groups.
[[nodiscard]] std::vector<std::int64_t> group_numbers(std::span<const std::string> names);

struct Interval {
  double low = 0;
  double high = 0;
};

struct BootstrapOptions {
  std::int64_t replicates = 1000;
  std::uint64_t seed = 1;
};

/// How often each case counts in a resample, [N].
using WeightedValue = std::function<std::optional<double>(std::span<const std::int64_t> weights)>;

/// Percentile bootstrap over groups (patients, or slides where each is its own group): 2.5 and 97.5 %.
/// Replicates where the value is absent are left out.
/// @param groups  group of every case, 0 to G - 1
/// @return        Absent where fewer than half of the replicates have a value.
/// @throws imaging::Error  `invalid_argument` on no cases, no replicates or a negative group.
[[nodiscard]] std::optional<Interval> bootstrap_interval(std::span<const std::int64_t> groups,
                                                         const BootstrapOptions& options,
                                                         const WeightedValue& value);

/// Intervals of the headline values, by their names. Every value sees the same resamples; a resample that
/// lacks a class which the cases hold is left out, as methods/mil.md section 6 says.
/// @return  without the values that have no interval
[[nodiscard]] std::map<std::string, Interval> bootstrap_metrics(const ScoredCases& cases,
                                                                std::span<const std::int64_t> groups,
                                                                const BootstrapOptions& options = {});

/// How two models differ on the same cases.
struct PairedDifference {
  double difference = 0;  ///< first less second
  Interval interval;      ///< of the difference
  double p_value = 1;     ///< two-sided: twice the smaller share of resamples on one side of 0
};

/// Bootstrap of the differences of the headline values; both models see the same resamples.
/// @throws imaging::Error  `invalid_argument` where the two have different truths.
[[nodiscard]] std::map<std::string, PairedDifference> bootstrap_differences(
    const ScoredCases& first, const ScoredCases& second, std::span<const std::int64_t> groups,
    const BootstrapOptions& options = {});

/// Wilcoxon's signed-rank test of paired values, as over seeds or folds.
struct SignedRankTest {
  std::int64_t pairs = 0;      ///< that differ; equal pairs are left out
  double rank_sum = 0;         ///< of the positive differences; ties get their mean rank
  double p_value = 1;          ///< two-sided
  double mean_difference = 0;  ///< over all pairs, first less second
};

/// The p-value is exact (all 2^n signs counted, also with ties) up to 200 pairs and normal with a correction
/// for ties beyond. Folds of one cross-validation share their training bags, so that over folds it is
/// smaller than it should be: say so beside it.
/// @throws imaging::Error  `invalid_argument` on different lengths or a number that is not finite.
/// @par Reference  [wilcoxon1945]
[[nodiscard]] SignedRankTest signed_rank_test(std::span<const double> first, std::span<const double> second);

}  // namespace models
