#include "models/runtime/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "imaging/base/error.h"

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

std::vector<double> sorted_by(std::span<const double> scores, const std::vector<std::size_t>& order) {
  std::vector<double> sorted;
  sorted.reserve(order.size());
  for (const auto index : order) sorted.push_back(scores[index]);
  return sorted;
}

std::vector<std::int64_t> ones(std::size_t count) {
  return std::vector<std::int64_t>(count, 1);
}

std::vector<double> column_of(std::span<const double> rows, std::int64_t columns, std::int64_t column) {
  std::vector<double> values;
  for (auto i = static_cast<std::size_t>(column); i < rows.size(); i += static_cast<std::size_t>(columns))
    values.push_back(rows[i]);
  return values;
}

/// Positives and negatives at each distinct score, highest first.
struct RankedCounts {
  std::vector<std::pair<std::int64_t, std::int64_t>> ties;
  std::int64_t positives = 0, negatives = 0;

  /// @param scores   in the given order; `positives` and `weights` are in the order of the cases
  static RankedCounts of(const std::vector<double>& scores, const std::vector<std::size_t>& order,
                         std::span<const std::int64_t> positives, std::span<const std::int64_t> weights) {
    RankedCounts counts;
    counts.ties.reserve(order.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (i == 0 || scores[i] != scores[i - 1]) counts.ties.emplace_back(0, 0);
      auto& tie = counts.ties.back();
      (positives[order[i]] != 0 ? tie.first : tie.second) += weights[order[i]];
    }
    for (const auto& [hits, misses] : counts.ties) {
      counts.positives += hits;
      counts.negatives += misses;
    }
    return counts;
  }
};

std::optional<double> rank_area(const RankedCounts& counts) {
  if (counts.positives == 0 || counts.negatives == 0) return std::nullopt;
  // Pairs (positive above negative) are counted twice, ties once, so that all stays whole.
  std::int64_t above = 0, doubled_wins = 0;
  for (const auto& [hits, misses] : counts.ties) {
    doubled_wins += misses * (2 * above + hits);
    above += hits;
  }
  return static_cast<double>(doubled_wins) /
         (2.0 * static_cast<double>(counts.positives) * static_cast<double>(counts.negatives));
}

std::optional<double> precision_area(const RankedCounts& counts) {
  if (counts.positives == 0) return std::nullopt;
  std::int64_t above = 0, named = 0;
  double sum = 0;
  for (const auto& [hits, misses] : counts.ties) {
    above += hits;
    named += hits + misses;
    if (hits > 0) sum += static_cast<double>(hits) * static_cast<double>(above) / static_cast<double>(named);
  }
  return sum / static_cast<double>(counts.positives);
}

/// Absent where one of them is.
std::optional<double> mean_of(const std::vector<std::optional<double>>& values) {
  double sum = 0;
  for (const auto& value : values) {
    if (!value) return std::nullopt;
    sum += *value;
  }
  return sum / static_cast<double>(values.size());
}

constexpr std::int64_t kCalibrationBins = 15;

/// Bin of (lower, upper] among equal ones over 0 to 1; 0 belongs to the first.
std::size_t bin_of(double confidence, std::int64_t bins) {
  const auto bin = static_cast<std::int64_t>(std::ceil(confidence * static_cast<double>(bins))) - 1;
  return static_cast<std::size_t>(std::clamp<std::int64_t>(bin, 0, bins - 1));
}

double ratio(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

std::optional<double> roc_auc(std::span<const double> scores, std::span<const std::int64_t> positives) {
  require(scores.size() == positives.size(), "as many labels as scores");
  const auto order = descending_order(scores);
  return rank_area(RankedCounts::of(sorted_by(scores, order), order, positives, ones(scores.size())));
}

std::optional<double> macro_auc(std::span<const double> probabilities, std::span<const std::int64_t> labels,
                                std::int64_t class_count) {
  require(probabilities.size() == labels.size() * static_cast<std::size_t>(class_count),
          "one probability per class and case");
  double sum = 0;
  const std::int64_t first = class_count == 2 ? 1 : 0;
  for (auto number = first; number < class_count; ++number) {
    const auto scores = column_of(probabilities, class_count, number);
    std::vector<std::int64_t> positives;
    for (const auto label : labels) positives.push_back(label == number ? 1 : 0);
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
    gap[bin_of(confidence, bins)] += confidence - (predicted[i] == labels[i] ? 1.0 : 0.0);
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

std::optional<double> average_precision(std::span<const double> scores,
                                        std::span<const std::int64_t> positives) {
  require(scores.size() == positives.size(), "as many labels as scores");
  const auto order = descending_order(scores);
  return precision_area(RankedCounts::of(sorted_by(scores, order), order, positives, ones(scores.size())));
}

InstanceAuc instance_auc(std::span<const double> scores, std::span<const std::int64_t> positives,
                         std::span<const std::int64_t> bags) {
  require(scores.size() == positives.size() && scores.size() == bags.size(),
          "one label and one bag for each score");
  InstanceAuc areas{.pooled = roc_auc(scores, positives), .mean = {}, .mean_bags = 0};
  std::map<std::int64_t, std::pair<std::vector<double>, std::vector<std::int64_t>>> by_bag;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    by_bag[bags[i]].first.push_back(scores[i]);
    by_bag[bags[i]].second.push_back(positives[i]);
  }
  double sum = 0;
  for (const auto& [bag, tiles] : by_bag) {
    if (const auto area = roc_auc(tiles.first, tiles.second)) {
      sum += *area;
      ++areas.mean_bags;
    }
  }
  if (areas.mean_bags > 0) areas.mean = sum / static_cast<double>(areas.mean_bags);
  return areas;
}

std::map<std::string, std::optional<double>> headline_values(const ClassificationMetrics& metrics) {
  std::map<std::string, std::optional<double>> values{{"auc", metrics.auc},
                                                      {"average_precision", metrics.average_precision},
                                                      {"accuracy", metrics.accuracy},
                                                      {"balanced_accuracy", metrics.balanced_accuracy},
                                                      {"f1", metrics.f1},
                                                      {"macro_f1", metrics.macro_f1},
                                                      {"ece", metrics.ece}};
  for (std::size_t i = 0; i < metrics.recalls.size(); ++i)
    values[fmt::format("recall_{}", i)] = metrics.recalls[i];
  return values;
}

ScoredCases::ScoredCases(std::span<const double> probabilities, std::span<const std::int64_t> labels,
                         std::int64_t class_count, std::optional<double> threshold)
    : labels_(labels.begin(), labels.end()), class_count_(class_count), threshold_(threshold) {
  const auto columns = static_cast<std::size_t>(class_count);
  require(class_count >= 2 && !labels.empty() && probabilities.size() == labels.size() * columns,
          "at least two classes, one probability per class and case, and at least one case");
  require(std::all_of(probabilities.begin(), probabilities.end(), [](double p) { return std::isfinite(p); }),
          "finite probabilities");
  require(!threshold || class_count == 2, "two classes where there is a threshold");
  const auto likeliest = argmax_rows(probabilities, class_count);
  predicted_ = likeliest;
  for (std::size_t i = 0; i < labels_.size(); ++i) {
    if (threshold) predicted_[i] = probabilities[2 * i + 1] >= *threshold ? 1 : 0;
    const double confidence = probabilities[i * columns + static_cast<std::size_t>(likeliest[i])];
    calibration_bin_.push_back(bin_of(confidence, kCalibrationBins));
    confidence_gap_.push_back(confidence - (likeliest[i] == labels_[i] ? 1.0 : 0.0));
  }
  (void)count_confusion(labels_, predicted_, class_count);  // refuses classes out of range
  for (std::int64_t number = class_count == 2 ? 1 : 0; number < class_count; ++number) {
    const auto scores = column_of(probabilities, class_count, number);
    Ranking ranking{.class_index = number, .order = descending_order(scores), .scores = {}};
    ranking.scores = sorted_by(scores, ranking.order);
    rankings_.push_back(std::move(ranking));
  }
}

ClassificationMetrics ScoredCases::metrics() const {
  return metrics(ones(labels_.size()));
}

ClassificationMetrics ScoredCases::metrics(std::span<const std::int64_t> weights) const {
  require(weights.size() == labels_.size(), "one weight per case");
  ClassificationMetrics metrics;
  metrics.threshold = threshold_;
  metrics.confusion = {class_count_,
                       std::vector<std::int64_t>(static_cast<std::size_t>(class_count_ * class_count_), 0)};
  std::vector<double> gaps(kCalibrationBins, 0.0);
  for (std::size_t i = 0; i < labels_.size(); ++i) {
    metrics.cases += weights[i];
    metrics.confusion.counts[static_cast<std::size_t>(labels_[i] * class_count_ + predicted_[i])] +=
        weights[i];
    gaps[calibration_bin_[i]] += confidence_gap_[i] * static_cast<double>(weights[i]);
  }
  require(metrics.cases > 0, "at least one case");
  for (const double gap : gaps) metrics.ece += std::abs(gap) / static_cast<double>(metrics.cases);

  std::vector<std::int64_t> positives(labels_.size());
  std::vector<std::optional<double>> areas, precisions;
  for (const auto& ranking : rankings_) {
    for (std::size_t i = 0; i < labels_.size(); ++i) positives[i] = labels_[i] == ranking.class_index ? 1 : 0;
    const auto ranks = RankedCounts::of(ranking.scores, ranking.order, positives, weights);
    areas.push_back(rank_area(ranks));
    precisions.push_back(precision_area(ranks));
  }
  metrics.auc = mean_of(areas);
  metrics.average_precision = mean_of(precisions);

  const auto& confusion = metrics.confusion;
  metrics.accuracy = confusion.accuracy();
  metrics.balanced_accuracy = confusion.balanced_accuracy();
  metrics.macro_f1 = confusion.macro_f1();
  if (class_count_ == 2) metrics.f1 = confusion.f1(1);
  for (std::int64_t i = 0; i < class_count_; ++i) {
    metrics.recalls.push_back(confusion.recall(i));
    metrics.precisions.push_back(confusion.precision(i));
    metrics.f1s.push_back(confusion.f1(i));
  }
  return metrics;
}

ClassificationMetrics classification_metrics(std::span<const double> probabilities,
                                             std::span<const std::int64_t> labels, std::int64_t class_count,
                                             std::optional<double> threshold) {
  return ScoredCases(probabilities, labels, class_count, threshold).metrics();
}

std::optional<double> choose_threshold(const std::string& rule, std::span<const double> probabilities,
                                       std::span<const std::int64_t> labels, std::int64_t class_count) {
  if (rule == "fixed") return std::nullopt;
  require(rule == "youden", "a threshold rule fixed or youden");
  require(class_count == 2, "two classes for the threshold rule youden; choose fixed");
  const auto threshold = youden_threshold(column_of(probabilities, class_count, 1), labels);
  if (!threshold) {
    throw imaging::Error(imaging::ErrorCode::insufficient_data,
                         "The threshold rule youden needs cases of both classes; choose fixed.");
  }
  return threshold;
}

nlohmann::ordered_json metrics_to_json(const ClassificationMetrics& metrics,
                                       const std::vector<std::string>& class_names) {
  using Json = nlohmann::ordered_json;
  const auto or_null = [](const std::optional<double>& value) { return value ? Json(*value) : Json(); };
  require(static_cast<std::int64_t>(class_names.size()) == metrics.confusion.class_count,
          "a name for every class");
  Json json{{"cases", metrics.cases},
            {"auc", or_null(metrics.auc)},
            {"average_precision", or_null(metrics.average_precision)},
            {"accuracy", metrics.accuracy},
            {"balanced_accuracy", metrics.balanced_accuracy},
            {"f1", or_null(metrics.f1)},
            {"macro_f1", metrics.macro_f1},
            {"ece", metrics.ece},
            {"threshold", or_null(metrics.threshold)},
            {"recalls", Json::object()},
            {"precisions", Json::object()},
            {"f1s", Json::object()},
            {"confusion", Json::array()}};
  const auto count = metrics.confusion.class_count;
  for (std::int64_t truth = 0; truth < count; ++truth) {
    const auto index = static_cast<std::size_t>(truth);
    json["recalls"][class_names[index]] = or_null(metrics.recalls[index]);
    json["precisions"][class_names[index]] = metrics.precisions[index];
    json["f1s"][class_names[index]] = metrics.f1s[index];
    Json row = Json::array();
    for (std::int64_t predicted = 0; predicted < count; ++predicted)
      row.push_back(metrics.confusion.at(truth, predicted));
    json["confusion"].push_back(row);
  }
  return json;
}

}  // namespace models
