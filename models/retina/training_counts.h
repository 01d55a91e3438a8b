#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/retina/grader_trainer.h"

namespace models {

/// Photographs of each class and of each domain.
struct TrainingCounts {
  std::vector<std::int64_t> classes, domains;
};

/// Counts the training part, and checks labels, domains and risks of both parts.
/// @throws imaging::Error  `invalid_argument` on a label, domain or risk out of range; `insufficient_data`
/// with fewer than two photographs or classes, or a domain without any
[[nodiscard]] TrainingCounts count_examples(const RetinaTrainingSet& set, std::int64_t class_count);

/// The counts that GDRBench's code has of these domains: theirs sum to none of its lists.
/// @throws imaging::Error  `invalid_argument` on a domain that it does not know
[[nodiscard]] TrainingCounts benchmark_counts(const std::vector<std::string>& domains);

}  // namespace models
