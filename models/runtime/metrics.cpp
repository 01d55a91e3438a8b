#include "models/runtime/metrics.h"

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
    throw imaging::Error(imaging::ErrorCode::invalid_argument, fmt::format("Metrics need {}.", what));
}

std::vector<std::size_t> descending_order(std::span<const double> scores) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  return order;
}

/// The value at a share of a sorted list, between neighbours by linear interpolation.
double quantile(const std::vector<double>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const auto above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

double ratio(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

std::optional<double> roc_auc(std::span<const double> scores, std::span<const std::int64_t> positives) {
  require(scores.size() == positives.size(), "as many labels as scores");
  const auto order = descending_order(scores);
  // Pairs (positive above negative) are counted twice, ties once, so that all stays whole.
  std::int64_t positive_count = 0, negative_count = 0, doubled_wins = 0;
  for (std::size_t i = 0; i < order.size();) {
    std::int64_t positive_ties = 0, negative_ties = 0;
    const double score = scores[order[i]];
    for (; i < order.size() && scores[order[i]] == score; ++i)
      (positives[order[i]] != 0 ? positive_ties : negative_ties)++;
    doubled_wins += negative_ties * (2 * positive_count + positive_ties);
    positive_count += positive_ties;
    negative_count += negative_ties;
  }
  if (positive_count == 0 || negative_count == 0) return std::nullopt;
  return static_cast<double>(doubled_wins) /
         (2.0 * static_cast<double>(positive_count) * static_cast<double>(negative_count));
}

std::optional<double> macro_auc(std::span<const double> probabilities, std::span<const std::int64_t> labels,
                                std::int64_t class_count) {
  require(probabilities.size() == labels.size() * static_cast<std::size_t>(class_count),
          "one probability per class and case");
  double sum = 0;
  const std::int64_t first = class_count == 2 ? 1 : 0;
  for (auto number = first; number < class_count; ++number) {
    std::vector<double> scores;
    std::vector<std::int64_t> positives;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      scores.push_back(
          probabilities[i * static_cast<std::size_t>(class_count) + static_cast<std::size_t>(number)]);
      positives.push_back(labels[i] == number ? 1 : 0);
    }
    const auto area = roc_auc(scores, positives);
    if (!area) return std::nullopt;
    sum += *area;
  }
  return sum / static_cast<double>(class_count - first);
}

std::vector<std::int64_t> argmax_rows(std::span<const double> probabilities, std::int64_t class_count) {
  const auto columns = static_cast<std::size_t>(class_count);
  std::vector<std::int64_t> best;
  for (std::size_t row = 0; row + columns <= probabilities.size(); row += columns) {
    const auto cells = probabilities.subspan(row, columns);
    best.push_back(std::max_element(cells.begin(), cells.end()) - cells.begin());
  }
  return best;
}

std::int64_t ConfusionMatrix::total() const {
  return std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
}

double ConfusionMatrix::accuracy() const {
  std::int64_t hits = 0;
  for (std::int64_t i = 0; i < class_count; ++i) hits += at(i, i);
  return ratio(hits, total());
}

std::optional<double> ConfusionMatrix::recall(std::int64_t number) const {
  std::int64_t cases = 0;
  for (std::int64_t i = 0; i < class_count; ++i) cases += at(number, i);
  if (cases == 0) return std::nullopt;
  return ratio(at(number, number), cases);
}

double ConfusionMatrix::precision(std::int64_t number) const {
  std::int64_t predicted = 0;
  for (std::int64_t i = 0; i < class_count; ++i) predicted += at(i, number);
  return ratio(at(number, number), predicted);
}

double ConfusionMatrix::f1(std::int64_t number) const {
  std::int64_t either = 0;
  for (std::int64_t i = 0; i < class_count; ++i) either += at(i, number) + at(number, i);
  return ratio(2 * at(number, number), either);
}

double ConfusionMatrix::macro_f1() const {
  double sum = 0;
  for (std::int64_t i = 0; i < class_count; ++i) sum += f1(i);
  return sum / static_cast<double>(class_count);
}

double ConfusionMatrix::balanced_accuracy() const {
  double sum = 0;
  std::int64_t present = 0;
  for (std::int64_t i = 0; i < class_count; ++i) {
    const auto found = recall(i);
    if (!found) continue;
    sum += *found;
    ++present;
  }
  return present == 0 ? 0.0 : sum / static_cast<double>(present);
}

ConfusionMatrix count_confusion(std::span<const std::int64_t> labels, std::span<const std::int64_t> predicted,
                                std::int64_t class_count) {
  require(!labels.empty() && labels.size() == predicted.size(),
          "as many predictions as labels, and at least one");
  ConfusionMatrix matrix{class_count,
                         std::vector<std::int64_t>(static_cast<std::size_t>(class_count * class_count), 0)};
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const bool is_known =
        labels[i] >= 0 && labels[i] < class_count && predicted[i] >= 0 && predicted[i] < class_count;
    require(is_known, "classes from 0 to one below their number");
    ++matrix.counts[static_cast<std::size_t>(labels[i] * class_count + predicted[i])];
  }
  return matrix;
}

double calibration_error(std::span<const double> probabilities, std::span<const std::int64_t> labels,
                         std::int64_t class_count, std::int64_t bins) {
  require(!labels.empty() && probabilities.size() == labels.size() * static_cast<std::size_t>(class_count),
          "one probability per class and case, and at least one case");
  const auto predicted = argmax_rows(probabilities, class_count);
  std::vector<double> gap(static_cast<std::size_t>(bins), 0.0);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const double confidence =
        probabilities[i * static_cast<std::size_t>(class_count) + static_cast<std::size_t>(predicted[i])];
    const auto bin = std::clamp<std::int64_t>(
        static_cast<std::int64_t>(std::ceil(confidence * static_cast<double>(bins))) - 1, 0, bins - 1);
    gap[static_cast<std::size_t>(bin)] += confidence - (predicted[i] == labels[i] ? 1.0 : 0.0);
  }
  double sum = 0;
  for (const double value : gap) sum += std::abs(value);
  return sum / static_cast<double>(labels.size());
}

std::optional<double> youden_threshold(std::span<const double> scores,
                                       std::span<const std::int64_t> positives) {
  require(scores.size() == positives.size(), "as many labels as scores");
  const auto positive_count =
      std::count_if(positives.begin(), positives.end(), [](auto value) { return value != 0; });
  const auto negative_count = static_cast<std::int64_t>(positives.size()) - positive_count;
  if (positive_count == 0 || negative_count == 0) return std::nullopt;
  const auto order = descending_order(scores);
  std::int64_t hits = 0, false_alarms = 0, best_gain = 0;
  std::optional<double> best;
  for (std::size_t i = 0; i < order.size();) {
    const double score = scores[order[i]];
    for (; i < order.size() && scores[order[i]] == score; ++i)
      (positives[order[i]] != 0 ? hits : false_alarms)++;
    // TPR - FPR over a common denominator, so that equal gains are seen as equal.
    const auto gain = hits * negative_count - false_alarms * positive_count;
    if (!best || gain > best_gain) {
      best = score;
      best_gain = gain;
    }
  }
  return best;
}

std::optional<Interval> bootstrap_interval(
    std::span<const std::int64_t> groups, std::int64_t replicates, std::uint64_t seed,
    const std::function<std::optional<double>(std::span<const std::int64_t>)>& metric) {
  require(!groups.empty() && replicates > 0, "at least one case and one replicate");
  std::vector<std::vector<std::int64_t>> members(
      static_cast<std::size_t>(*std::max_element(groups.begin(), groups.end())) + 1);
  for (std::size_t i = 0; i < groups.size(); ++i) {
    require(groups[i] >= 0, "groups from 0");
    members[static_cast<std::size_t>(groups[i])].push_back(static_cast<std::int64_t>(i));
  }
  imaging::Random random(seed);
  std::vector<double> values;
  for (std::int64_t replicate = 0; replicate < replicates; ++replicate) {
    std::vector<std::int64_t> chosen;
    for (std::size_t draw = 0; draw < members.size(); ++draw) {
      const auto& group =
          members[static_cast<std::size_t>(random.index(static_cast<std::int64_t>(members.size())))];
      chosen.insert(chosen.end(), group.begin(), group.end());
    }
    if (const auto value = metric(chosen)) values.push_back(*value);
  }
  if (2 * static_cast<std::int64_t>(values.size()) < replicates) return std::nullopt;
  std::sort(values.begin(), values.end());
  return Interval{quantile(values, 0.025), quantile(values, 0.975)};
}

ClassificationMetrics classification_metrics(std::span<const double> probabilities,
                                             std::span<const std::int64_t> labels, std::int64_t class_count) {
  ClassificationMetrics metrics;
  metrics.cases = static_cast<std::int64_t>(labels.size());
  metrics.auc = macro_auc(probabilities, labels, class_count);
  metrics.confusion = count_confusion(labels, argmax_rows(probabilities, class_count), class_count);
  metrics.accuracy = metrics.confusion.accuracy();
  metrics.balanced_accuracy = metrics.confusion.balanced_accuracy();
  metrics.macro_f1 = metrics.confusion.macro_f1();
  metrics.ece = calibration_error(probabilities, labels, class_count);
  for (std::int64_t i = 0; i < class_count; ++i) metrics.recalls.push_back(metrics.confusion.recall(i));
  return metrics;
}

}  // namespace models
