#include "models/runtime/statistics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "imaging/base/error.h"
#include "imaging/base/random.h"

namespace models {
namespace {

void require(bool holds, const char* what) {
  if (!holds)
    throw imaging::Error(imaging::ErrorCode::invalid_argument, fmt::format("Statistics need {}.", what));
}

/// The value at a share of a sorted list, between neighbours by linear interpolation.
double quantile(const std::vector<double>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const auto above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

std::optional<Interval> interval_of(std::vector<double> values, const BootstrapOptions& options) {
  if (values.empty() || 2 * static_cast<std::int64_t>(values.size()) < options.replicates)
    return std::nullopt;
  std::sort(values.begin(), values.end());
  return Interval{quantile(values, 0.025), quantile(values, 0.975)};
}

/// Calls `visit` with the weights of every resample of whole groups.
void resample(std::span<const std::int64_t> groups, const BootstrapOptions& options,
              const std::function<void(std::span<const std::int64_t> weights)>& visit) {
  require(!groups.empty() && options.replicates > 0, "at least one case and one replicate");
  require(*std::min_element(groups.begin(), groups.end()) >= 0, "groups from 0");
  const auto group_count = *std::max_element(groups.begin(), groups.end()) + 1;
  imaging::Random random(options.seed);
  std::vector<std::int64_t> drawn(static_cast<std::size_t>(group_count)), weights(groups.size());
  for (std::int64_t replicate = 0; replicate < options.replicates; ++replicate) {
    std::fill(drawn.begin(), drawn.end(), 0);
    for (std::int64_t draw = 0; draw < group_count; ++draw)
      ++drawn[static_cast<std::size_t>(random.index(group_count))];
    for (std::size_t i = 0; i < groups.size(); ++i) weights[i] = drawn[static_cast<std::size_t>(groups[i])];
    visit(weights);
  }
}

/// Whether a resample holds every class that the cases hold.
bool holds_all_classes(const ScoredCases& cases, std::span<const std::int64_t> weights) {
  const auto count = static_cast<std::size_t>(cases.class_count());
  std::vector<bool> present(count), drawn(count);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const auto label = static_cast<std::size_t>(cases.labels()[i]);
    present[label] = true;
    if (weights[i] > 0) drawn[label] = true;
  }
  return present == drawn;
}

double two_sided_p(const std::vector<double>& differences) {
  const auto below = std::count_if(differences.begin(), differences.end(), [](double d) { return d <= 0; });
  const auto above = std::count_if(differences.begin(), differences.end(), [](double d) { return d >= 0; });
  const auto smaller = static_cast<double>(std::min(below, above) + 1);
  return std::min(1.0, 2 * smaller / static_cast<double>(differences.size() + 1));
}

/// Twice the mean rank of every value, so that ties stay whole.
std::vector<std::int64_t> doubled_ranks(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<std::int64_t> ranks(values.size());
  for (std::size_t first = 0; first < order.size();) {
    auto end = first;
    while (end < order.size() && values[order[end]] == values[order[first]]) ++end;
    for (auto i = first; i < end; ++i) ranks[order[i]] = static_cast<std::int64_t>(first + 1 + end);
    first = end;
  }
  return ranks;
}

/// Share of the 2^n sign patterns whose positive rank sum is at least as far from its mean as `sum`.
double exact_signed_rank_p(const std::vector<std::int64_t>& ranks, std::int64_t sum) {
  const auto total = std::accumulate(ranks.begin(), ranks.end(), std::int64_t{0});
  std::vector<double> share(static_cast<std::size_t>(total) + 1, 0.0);
  share[0] = 1;
  std::int64_t reached = 0;
  for (const auto rank : ranks) {
    reached += rank;
    for (auto at = reached; at >= 0; --at) {
      const double with = at >= rank ? share[static_cast<std::size_t>(at - rank)] : 0.0;
      share[static_cast<std::size_t>(at)] = (share[static_cast<std::size_t>(at)] + with) / 2;
    }
  }
  double p = 0;
  const auto distance = std::abs(2 * sum - total);
  for (std::int64_t at = 0; at <= total; ++at)
    if (std::abs(2 * at - total) >= distance) p += share[static_cast<std::size_t>(at)];
  return std::min(1.0, p);
}

double normal_signed_rank_p(const std::vector<std::int64_t>& ranks, std::int64_t sum) {
  double mean = 0, variance = 0;
  for (const auto rank : ranks) {
    const double half = static_cast<double>(rank) / 2;
    mean += half / 2;
    variance += half * half / 4;
  }
  const double z = (std::abs(static_cast<double>(sum) / 2 - mean) - 0.5) / std::sqrt(variance);
  return std::min(1.0, std::erfc(std::max(0.0, z) / std::sqrt(2.0)));
}

}  // namespace

std::vector<std::int64_t> group_numbers(std::span<const std::string> names) {
  std::map<std::string, std::int64_t> known;
  std::vector<std::int64_t> numbers;
  for (const auto& name : names)
    numbers.push_back(known.try_emplace(name, static_cast<std::int64_t>(known.size())).first->second);
  return numbers;
}

std::optional<Interval> bootstrap_interval(std::span<const std::int64_t> groups,
                                           const BootstrapOptions& options, const WeightedValue& value) {
  std::vector<double> values;
  resample(groups, options, [&](std::span<const std::int64_t> weights) {
    if (const auto found = value(weights)) values.push_back(*found);
  });
  return interval_of(std::move(values), options);
}

std::map<std::string, Interval> bootstrap_metrics(const ScoredCases& cases,
                                                  std::span<const std::int64_t> groups,
                                                  const BootstrapOptions& options) {
  require(static_cast<std::int64_t>(groups.size()) == cases.case_count(), "one group per case");
  std::map<std::string, std::vector<double>> values;
  resample(groups, options, [&](std::span<const std::int64_t> weights) {
    if (!holds_all_classes(cases, weights)) return;
    for (const auto& [name, value] : headline_values(cases.metrics(weights)))
      if (value) values[name].push_back(*value);
  });
  std::map<std::string, Interval> intervals;
  for (auto& [name, found] : values)
    if (const auto interval = interval_of(std::move(found), options)) intervals[name] = *interval;
  return intervals;
}

std::map<std::string, PairedDifference> bootstrap_differences(const ScoredCases& first,
                                                              const ScoredCases& second,
                                                              std::span<const std::int64_t> groups,
                                                              const BootstrapOptions& options) {
  require(first.labels() == second.labels() && first.class_count() == second.class_count(),
          "two models measured on the same cases in the same order");
  require(static_cast<std::int64_t>(groups.size()) == first.case_count(), "one group per case");
  std::map<std::string, std::vector<double>> values;
  resample(groups, options, [&](std::span<const std::int64_t> weights) {
    if (!holds_all_classes(first, weights)) return;
    const auto theirs = headline_values(second.metrics(weights));
    for (const auto& [name, value] : headline_values(first.metrics(weights)))
      if (value && theirs.at(name)) values[name].push_back(*value - *theirs.at(name));
  });
  std::map<std::string, PairedDifference> differences;
  const auto ours = headline_values(first.metrics()), theirs = headline_values(second.metrics());
  for (const auto& [name, found] : values) {
    const auto interval = interval_of(found, options);
    if (!interval || !ours.at(name) || !theirs.at(name)) continue;
    differences[name] = {*ours.at(name) - *theirs.at(name), *interval, two_sided_p(found)};
  }
  return differences;
}

SignedRankTest signed_rank_test(std::span<const double> first, std::span<const double> second) {
  require(first.size() == second.size(), "as many values of one as of the other");
  constexpr std::int64_t kMostExactPairs = 200;
  // Differences of equal decimals (0.9 - 0.8, 0.8 - 0.7) are ties though their doubles differ in the last
  // bit.
  constexpr double kSame = 1e-12;
  SignedRankTest test;
  std::vector<double> sizes;
  std::vector<bool> is_positive;
  for (std::size_t i = 0; i < first.size(); ++i) {
    const double difference = first[i] - second[i];
    require(std::isfinite(difference), "finite values");
    test.mean_difference += difference / static_cast<double>(first.size());
    if (std::abs(difference) < kSame) continue;
    sizes.push_back(std::round(std::abs(difference) / kSame));
    is_positive.push_back(difference > 0);
  }
  test.pairs = static_cast<std::int64_t>(sizes.size());
  if (sizes.empty()) return test;
  const auto ranks = doubled_ranks(sizes);
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < ranks.size(); ++i) sum += is_positive[i] ? ranks[i] : 0;
  test.rank_sum = static_cast<double>(sum) / 2;
  test.p_value =
      test.pairs <= kMostExactPairs ? exact_signed_rank_p(ranks, sum) : normal_signed_rank_p(ranks, sum);
  return test;
}

}  // namespace models
