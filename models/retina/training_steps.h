#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "imaging/base/random.h"
#include "models/retina/grader_trainer.h"

namespace models {

/// Photographs of one step, by their number in the training part: `second` only for deco, as long as `first`.
struct TrainingStep {
  std::vector<std::size_t> first, second;
};

/// Which photographs meet in an epoch: all of them in random order, or deco's pairs.
///
/// @par Threads  Reentrant: all draws come from the seed and the epoch.
class StepSampler {
 public:
  /// @param examples  of the training part, labels and domains below the counts
  StepSampler(const std::vector<RetinaExample>& examples, const RetinaTrainingPlan& plan, std::uint64_t seed,
              std::size_t class_count, std::size_t domain_count);

  /// @param number  of the epoch, from 1
  [[nodiscard]] std::vector<TrainingStep> epoch(std::int64_t number) const;

 private:
  void draw_pair(TrainingStep& step, imaging::Random& random) const;

  std::string method_, pairs_;
  std::size_t batch_;
  std::uint64_t seed_;
  std::vector<std::vector<std::size_t>> by_class_, by_domain_;
  std::size_t count_;
};

}  // namespace models
