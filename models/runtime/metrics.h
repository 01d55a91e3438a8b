#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
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

/// Expected calibration error: gap between confidence and accuracy in equal bins (lower, upper] of the
/// largest probability, weighted by the bins' shares of the cases.
[[nodiscard]] double calibration_error(std::span<const double> probabilities,
                                       std::span<const std::int64_t> labels, std::int64_t class_count,
                                       std::int64_t bins = 15);

/// The threshold t that maximises TPR - FPR for the rule `score >= t`, the highest such one; a value of
/// `scores`. Absent where a class is missing. To be chosen on validation data.
/// @par Reference  [tang2023], its evaluation code
[[nodiscard]] std::optional<double> youden_threshold(std::span<const double> scores,
                                                     std::span<const std::int64_t> positives);

/// Area under the precision-recall curve as the sum of precision times the gain in recall over the distinct
/// scores, without interpolation. Absent where there is no positive.
/// @throws imaging::Error  `invalid_argument` on different lengths.
[[nodiscard]] std::optional<double> average_precision(std::span<const double> scores,
                                                      std::span<const std::int64_t> positives);

/// How well the scores of single tiles find the true ones.
struct InstanceAuc {
  std::optional<double> pooled;  ///< of all tiles together, by raw score
  std::optional<double> mean;    ///< mean of the areas of the bags that hold both kinds of tile
  std::int64_t mean_bags = 0;    ///< bags behind `mean`
};

/// @param bags  bag of every tile: equal numbers are one bag
/// @throws imaging::Error  `invalid_argument` on different lengths.
[[nodiscard]] InstanceAuc instance_auc(std::span<const double> scores,
                                       std::span<const std::int64_t> positives,
                                       std::span<const std::int64_t> bags);

/// What an evaluation reports at once.
struct ClassificationMetrics {
  std::int64_t cases = 0;
  std::optional<double> auc;                ///< as macro_auc
  std::optional<double> average_precision;  ///< of class 1 of two, else the mean over the classes
  double accuracy = 0;
  double balanced_accuracy = 0;
  std::optional<double> f1;  ///< of class 1 where there are two classes
  double macro_f1 = 0;
  double ece = 0;                              ///< as calibration_error, 15 bins
  std::optional<double> threshold;             ///< on the probability of class 1; absent: the likeliest class
  std::vector<std::optional<double>> recalls;  ///< per class
  std::vector<double> precisions, f1s;         ///< per class
  ConfusionMatrix confusion;
};

/// The numbers of `metrics` that get an interval, by their names in metrics.json; `recall_<class index>` for
/// the classes.
[[nodiscard]] std::map<std::string, std::optional<double>> headline_values(
    const ClassificationMetrics& metrics);

/// Predictions with their truth, sorted once, so that the metrics of many resamples are cheap.
class ScoredCases {
 public:
  /// @param probabilities  [N, C] row-major, finite
  /// @param labels         0 to C - 1
  /// @param threshold      on the probability of class 1 of two: class 1 where p >= threshold. Absent: the
  /// likeliest class, the first among equals.
  /// @throws imaging::Error  `invalid_argument` on no cases, sizes that do not agree, a number that is not
  /// finite, a class out of range, or a threshold for other than two classes.
  ScoredCases(std::span<const double> probabilities, std::span<const std::int64_t> labels,
              std::int64_t class_count, std::optional<double> threshold = {});

  [[nodiscard]] ClassificationMetrics metrics() const;
  /// @param weights  how often each case counts, [N]
  [[nodiscard]] ClassificationMetrics metrics(std::span<const std::int64_t> weights) const;
  [[nodiscard]] std::int64_t case_count() const { return static_cast<std::int64_t>(labels_.size()); }
  [[nodiscard]] const std::vector<std::int64_t>& labels() const { return labels_; }
  [[nodiscard]] std::int64_t class_count() const { return class_count_; }

 private:
  /// Cases by the probability of one class, highest first.
  struct Ranking {
    std::int64_t class_index = 0;
    std::vector<std::size_t> order;
    std::vector<double> scores;  ///< in that order
  };

  std::vector<std::int64_t> labels_, predicted_;
  std::int64_t class_count_;
  std::optional<double> threshold_;
  std::vector<double> confidence_gap_;  ///< confidence less hit, of the likeliest class
  std::vector<std::size_t> calibration_bin_;
  std::vector<Ranking> rankings_;
};

/// `ScoredCases(...).metrics()`.
[[nodiscard]] ClassificationMetrics classification_metrics(std::span<const double> probabilities,
                                                           std::span<const std::int64_t> labels,
                                                           std::int64_t class_count,
                                                           std::optional<double> threshold = {});

/// The threshold that people asked for by the name of its rule, from the cases it may be chosen on.
/// @param rule  "fixed": the likeliest class, so no threshold; "youden": youden_threshold of class 1
/// @return      Absent for "fixed".
/// @throws imaging::Error  `invalid_argument` on another rule, or "youden" for other than two classes;
/// `insufficient_data` where "youden" lacks a class.
[[nodiscard]] std::optional<double> choose_threshold(const std::string& rule,
                                                     std::span<const double> probabilities,
                                                     std::span<const std::int64_t> labels,
                                                     std::int64_t class_count);

/// As metrics.json has them: recalls, precisions and F1 by the class's name, absent values as null.
[[nodiscard]] nlohmann::ordered_json metrics_to_json(const ClassificationMetrics& metrics,
                                                     const std::vector<std::string>& class_names);

}  // namespace models
