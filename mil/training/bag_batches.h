#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "mil/training/train_options.h"
#include "mil/training/training_method.h"

namespace at {
class Tensor;
}

namespace mil {

/// The bags of one epoch in the order of their steps.
/// @param is_balanced  draws as many bags as there are, with replacement, every class alike; else each bag
/// once
[[nodiscard]] std::vector<Example> order_examples(std::vector<Example> examples, bool is_balanced,
                                                  std::uint64_t seed, std::int64_t epoch);

struct BatchItem {
  Example example;
  std::int64_t position = 0;  ///< in the epoch, from 0
};

/// One optimiser step.
struct BatchStep {
  std::vector<BatchItem> items;  ///< those of this process; may be none
  std::int64_t joint_size = 1;   ///< bags of all processes
  std::int64_t number = 0;       ///< steps before it, over all epochs
};

/// Steps of an epoch over `count` bags.
[[nodiscard]] std::int64_t steps_per_epoch(std::int64_t count, const TrainOptions& options);

/// Runs an epoch in steps of `options.batch_bags` bags, dealt over the processes in turn.
/// @param step  does one, and returns the sum of the losses of its own bags
/// @return      mean loss over all bags of all processes
/// @throws imaging::Error  `invalid_argument` where a step has fewer bags than there are processes.
double run_batches(const MethodContext& context, const TrainOptions& options, std::int64_t epoch,
                   const StepProgress& progress, const std::function<double(const BatchStep&)>& step);

/// Seeds torch's generators for the `position`-th bag of an epoch, so that its dropout depends neither on
/// what ran before nor on the process it runs in.
void seed_step(std::uint64_t seed, std::int64_t epoch, std::int64_t position);

/// Features of a bag on the context's device; on the CPU without a copy where all rows are taken.
/// @param max_instances  rows drawn without replacement from torch's generator, in ascending order; 0 takes
/// all
/// @return  [n, F] float32
[[nodiscard]] at::Tensor load_features(const MethodContext& context, const std::string& id,
                                       std::int64_t max_instances);

/// @throws imaging::Error  `invalid_argument` on NaN or inf, naming the bag.
[[nodiscard]] double finite_loss(const at::Tensor& loss, const std::string& id);

}  // namespace mil
