#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace workflows {

/// What is known of one classified input.
struct CohortCase {
  std::vector<double> probabilities;  ///< [C], in the order of the class names
  std::string decided;                ///< the class decided for, CaseResult::shown_class
  std::string label;                  ///< the true class; empty where it is not known
};

struct RocPoint {
  double false_positive_rate = 0, true_positive_rate = 0;
  double threshold = 0;  ///< p >= threshold counts as positive
};

/// How well the known labels were met. All but `labelled` is empty where no case has a label among the
/// classes.
struct CohortFigures {
  std::int64_t labelled = 0;
  std::optional<double>
      auc;  ///< of the chosen class against the rest; absent where it or the rest is missing
  std::vector<RocPoint> roc;  ///< from (0, 0) to (1, 1), a point per distinct probability; empty without auc
  std::optional<double> accuracy, balanced_accuracy;
  std::vector<std::int64_t> confusion;  ///< [C, C] row-major, a row per true class
};

/// Numbers of a cohort whose labels are the classes' names.
/// @param positive  index of the class of the ROC curve
/// @throws imaging::Error  `invalid_argument` where `positive` or a case's probabilities do not fit the
/// classes.
/// @par Cost  O(N log N)
[[nodiscard]] CohortFigures measure_cohort(const std::vector<CohortCase>& cases,
                                           const std::vector<std::string>& class_names, std::size_t positive);

}  // namespace workflows
