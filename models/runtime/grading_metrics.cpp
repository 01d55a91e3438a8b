#include "models/runtime/grading_metrics.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace models {
namespace {

/// A confidence, and whether it was right.
struct Claim {
  double confidence = 0;
  bool is_right = false;
};

std::vector<Claim> claims_of(std::span<const double> probabilities, std::span<const std::int64_t> labels,
                             std::int64_t class_count) {
  const auto predicted = argmax_rows(probabilities, class_count);
  std::vector<Claim> claims;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto at = i * static_cast<std::size_t>(class_count) + static_cast<std::size_t>(predicted[i]);
    claims.push_back({probabilities[at], predicted[i] == labels[i]});
  }
  return claims;
}

struct Gaps {
  double mean = 0;  ///< over cases
  double largest = 0;
};

/// Bins are (lower, upper].
Gaps gaps_over(const std::vector<Claim>& claims, const std::vector<double>& edges) {
  Gaps gaps;
  for (std::size_t bin = 0; bin + 1 < edges.size(); ++bin) {
    double confidence = 0, right = 0, count = 0;
    for (const auto& claim : claims) {
      if (!(claim.confidence > edges[bin]) || !(claim.confidence <= edges[bin + 1])) continue;
      confidence += claim.confidence;
      right += claim.is_right ? 1 : 0;
      ++count;
    }
    if (count == 0) continue;
    const double gap = std::abs(confidence - right) / count;
    gaps.mean += gap * count / static_cast<double>(claims.size());
    gaps.largest = std::max(gaps.largest, gap);
  }
  return gaps;
}

std::vector<double> equal_edges(std::int64_t bins) {
  std::vector<double> edges;
  for (std::int64_t i = 0; i <= bins; ++i)
    edges.push_back(static_cast<double>(i) / static_cast<double>(bins));
  return edges;
}

double probability_of(std::span<const double> probabilities, std::int64_t class_count, std::size_t row,
                      std::int64_t number) {
  return probabilities[row * static_cast<std::size_t>(class_count) + static_cast<std::size_t>(number)];
}

}  // namespace

std::optional<double> one_vs_one_auc(std::span<const double> probabilities,
                                     std::span<const std::int64_t> labels, std::int64_t class_count) {
  double sum = 0;
  for (std::int64_t first = 0; first < class_count; ++first) {
    for (std::int64_t second = first + 1; second < class_count; ++second) {
      std::vector<double> first_scores, second_scores;
      std::vector<std::int64_t> is_first, is_second;
      for (std::size_t i = 0; i < labels.size(); ++i) {
        if (labels[i] != first && labels[i] != second) continue;
        first_scores.push_back(probability_of(probabilities, class_count, i, first));
        second_scores.push_back(probability_of(probabilities, class_count, i, second));
        is_first.push_back(labels[i] == first ? 1 : 0);
        is_second.push_back(labels[i] == second ? 1 : 0);
      }
      const auto one = roc_auc(first_scores, is_first), other = roc_auc(second_scores, is_second);
      if (!one || !other) return std::nullopt;
      sum += (*one + *other) / 2;
    }
  }
  return sum / (static_cast<double>(class_count * (class_count - 1)) / 2);
}

std::optional<double> cohen_kappa(const ConfusionMatrix& confusion, KappaWeights weights) {
  const auto count = confusion.class_count;
  std::vector<double> truths(static_cast<std::size_t>(count)), guesses(truths);
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t j = 0; j < count; ++j) {
      truths[static_cast<std::size_t>(i)] += static_cast<double>(confusion.at(i, j));
      guesses[static_cast<std::size_t>(j)] += static_cast<double>(confusion.at(i, j));
    }
  }
  double observed = 0, by_chance = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t j = 0; j < count; ++j) {
      const auto distance = static_cast<double>(std::abs(i - j));
      const double weight = weights == KappaWeights::none     ? (i == j ? 0.0 : 1.0)
                            : weights == KappaWeights::linear ? distance
                                                              : distance * distance;
      observed += weight * static_cast<double>(confusion.at(i, j));
      by_chance += weight * truths[static_cast<std::size_t>(i)] * guesses[static_cast<std::size_t>(j)];
    }
  }
  by_chance /= static_cast<double>(confusion.total());
  if (!(by_chance > 0)) return std::nullopt;
  return 1 - observed / by_chance;
}

double adaptive_calibration_error(std::span<const double> probabilities, std::span<const std::int64_t> labels,
                                  std::int64_t class_count, std::int64_t bins) {
  const auto claims = claims_of(probabilities, labels, class_count);
  std::vector<double> sorted;
  for (const auto& claim : claims) sorted.push_back(claim.confidence);
  std::sort(sorted.begin(), sorted.end());
  std::vector<double> edges;
  for (std::int64_t i = 0; i <= bins; ++i) {
    const double place =
        static_cast<double>(sorted.size()) * static_cast<double>(i) / static_cast<double>(bins);
    const auto last = static_cast<double>(sorted.size() - 1);
    const double low = std::min(std::floor(place), last), high = std::min(low + 1, last);
    const double share = std::clamp(place - low, 0.0, 1.0);
    edges.push_back((1 - share) * sorted[static_cast<std::size_t>(low)] +
                    share * sorted[static_cast<std::size_t>(high)]);
  }
  return gaps_over(claims, edges).mean;
}

double classwise_calibration_error(std::span<const double> probabilities,
                                   std::span<const std::int64_t> labels, std::int64_t class_count,
                                   std::int64_t bins) {
  const auto largest = *std::max_element(labels.begin(), labels.end());
  double sum = 0;
  for (std::int64_t number = 0; number <= largest; ++number) {
    std::vector<Claim> claims;
    for (std::size_t i = 0; i < labels.size(); ++i)
      claims.push_back({probability_of(probabilities, class_count, i, number), labels[i] == number});
    sum += gaps_over(claims, equal_edges(bins)).mean;
  }
  return sum / static_cast<double>(largest + 1);
}

double maximum_calibration_error(std::span<const double> probabilities, std::span<const std::int64_t> labels,
                                 std::int64_t class_count, std::int64_t bins) {
  return gaps_over(claims_of(probabilities, labels, class_count), equal_edges(bins)).largest;
}

double negative_log_likelihood(std::span<const double> probabilities, std::span<const std::int64_t> labels,
                               std::int64_t class_count) {
  double sum = 0;
  for (std::size_t i = 0; i < labels.size(); ++i)
    sum -= std::log(probability_of(probabilities, class_count, i, labels[i]));
  return sum / static_cast<double>(labels.size());
}

double brier_score(std::span<const double> probabilities, std::span<const std::int64_t> labels,
                   std::int64_t class_count) {
  double sum = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    for (std::int64_t number = 0; number < class_count; ++number) {
      const double gap =
          probability_of(probabilities, class_count, i, number) - (labels[i] == number ? 1.0 : 0.0);
      sum += gap * gap;
    }
  }
  return sum / static_cast<double>(labels.size());
}

}  // namespace models
