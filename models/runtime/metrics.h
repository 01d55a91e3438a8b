#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace models {

/// Area under the ROC curve by ranks; ties count half. Absent where one class is missing.
/// @param scores     higher means positive
/// @param positives  1 for positive, 0 for negative; as long as scores
/// @throws imaging::Error  `invalid_argument` on different lengths.
[[nodiscard]] std::optional<double> roc_auc(std::span<const double> scores,
                                            std::span<const std::int64_t> positives);

/// Mean of the one-against-rest areas; for two classes, the area of class 1. Absent where a class is missing.
/// @param probabilities  [N, C] row-major
/// @param labels         0 to C - 1
[[nodiscard]] std::optional<double> macro_auc(std::span<const double> probabilities,
                                              std::span<const std::int64_t> labels, std::int64_t class_count);

/// Class of the largest probability of every row; the first among equals.
[[nodiscard]] std::vector<std::int64_t> argmax_rows(std::span<const double> probabilities,
                                                    std::int64_t class_count);

/// Counts of (true class, predicted class).
struct ConfusionMatrix {
  std::int64_t class_count = 0;
  std::vector<std::int64_t> counts;  ///< [C, C] row-major, a row per true class

  [[nodiscard]] std::int64_t at(std::int64_t truth, std::int64_t predicted) const {
    return counts[static_cast<std::size_t>(truth * class_count + predicted)];
  }
  [[nodiscard]] std::int64_t total() const;
  [[nodiscard]] double accuracy() const;
  /// Share of the class's cases that were found. Absent where the class has no case.
  [[nodiscard]] std::optional<double> recall(std::int64_t number) const;
  /// 0 where nothing was predicted as the class.
  [[nodiscard]] double precision(std::int64_t number) const;
  /// 0 where the class is neither predicted nor present.
  [[nodiscard]] double f1(std::int64_t number) const;
  [[nodiscard]] double macro_f1() const;
  /// Mean recall over the classes that have cases.
  [[nodiscard]] double balanced_accuracy() const;
};

/// @throws imaging::Error  `invalid_argument` on different lengths, no cases, or a class outside 0 to C - 1.
[[nodiscard]] ConfusionMatrix count_confusion(std::span<const std::int64_t> labels,
                                              std::span<const std::int64_t> predicted,
                                              std::int64_t class_count);

/// Expected calibration error: mean gap between confidence and accuracy over equal bins of the largest
/// probability.
[[nodiscard]] double calibration_error(std::span<const double> probabilities,
                                       std::span<const std::int64_t> labels, std::int64_t class_count,
                                       std::int64_t bins = 15);

/// The threshold t that maximises TPR - FPR for the rule `score >= t`, the highest such one; a value of
/// `scores`. Absent where a class is missing. To be chosen on validation data.
/// @par Reference  [tang2023], its evaluation code
[[nodiscard]] std::optional<double> youden_threshold(std::span<const double> scores,
                                                     std::span<const std::int64_t> positives);

struct Interval {
  double low = 0;
  double high = 0;
};

/// Percentile bootstrap over groups (patients, or slides where each is its own group): 2.5 and 97.5 %.
/// Replicates where the metric is absent are left out.
/// @param groups  group of every case, 0 to G - 1
/// @param metric  of the chosen cases (indices, repeats allowed)
/// @return        Absent where fewer than half of the replicates have a value.
[[nodiscard]] std::optional<Interval> bootstrap_interval(
    std::span<const std::int64_t> groups, std::int64_t replicates, std::uint64_t seed,
    const std::function<std::optional<double>(std::span<const std::int64_t>)>& metric);

/// What an evaluation reports at once; thresholds at argmax.
struct ClassificationMetrics {
  std::int64_t cases = 0;
  std::optional<double> auc;
  double accuracy = 0;
  double balanced_accuracy = 0;
  double macro_f1 = 0;
  double ece = 0;
  std::vector<std::optional<double>> recalls;  ///< per class
  ConfusionMatrix confusion;
};
[[nodiscard]] ClassificationMetrics classification_metrics(std::span<const double> probabilities,
                                                           std::span<const std::int64_t> labels,
                                                           std::int64_t class_count);

}  // namespace models
