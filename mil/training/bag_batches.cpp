#include "mil/training/bag_batches.h"

#include <fmt/format.h>
#include <torch/types.h>

#include <cmath>

#include "imaging/base/error.h"
#include "imaging/base/random.h"
#include "mil/training/bag_cache.h"
#include "mil/training/process_group.h"

namespace mil {

std::vector<Example> order_examples(std::vector<Example> examples, bool is_balanced, std::uint64_t seed,
                                    std::int64_t epoch) {
  imaging::Random random(seed, static_cast<std::uint64_t>(epoch));
  if (!is_balanced) {
    random.shuffle(std::span(examples));
    return examples;
  }
  std::map<std::int64_t, std::vector<Example>> of_class;
  for (const auto& example : examples) of_class[example.label].push_back(example);
  std::vector<const std::vector<Example>*> classes;
  for (const auto& [label, members] : of_class) classes.push_back(&members);
  for (auto& example : examples) {
    const auto& members =
        *classes[static_cast<std::size_t>(random.index(static_cast<std::int64_t>(classes.size())))];
    example = members[static_cast<std::size_t>(random.index(static_cast<std::int64_t>(members.size())))];
  }
  return examples;
}

std::int64_t steps_per_epoch(std::int64_t count, const TrainOptions& options) {
  return (count + options.batch_bags - 1) / options.batch_bags;
}

double run_batches(const MethodContext& context, const TrainOptions& options, std::int64_t epoch,
                   const StepProgress& progress, const std::function<double(const BatchStep&)>& step) {
  auto& processes = context.processes;
  if (options.batch_bags < processes.size()) {
    throw imaging::Error(
        imaging::ErrorCode::invalid_argument,
        fmt::format("A batch of {} bags cannot be dealt over {} processes; give --batch-bags {} or more.",
                    options.batch_bags, processes.size(), processes.size()));
  }
  const auto order = order_examples(context.examples, options.balanced_sampling, context.seed, epoch);
  const auto count = static_cast<std::int64_t>(order.size());
  const auto steps = steps_per_epoch(count, options);
  std::vector<std::string> own;
  for (std::int64_t i = 0; i < count; ++i) {
    if (i % options.batch_bags % processes.size() == processes.rank())
      own.push_back(order[static_cast<std::size_t>(i)].id);
  }
  context.bags.expect(own);
  double loss = 0;
  for (std::int64_t i = 0; i < steps; ++i) {
    const auto first = i * options.batch_bags;
    BatchStep batch;
    batch.joint_size = std::min(options.batch_bags, count - first);
    batch.number = (epoch - 1) * steps + i;
    for (auto k = processes.rank(); k < batch.joint_size; k += processes.size()) {
      batch.items.push_back({order[static_cast<std::size_t>(first + k)], first + k});
    }
    progress(first);
    loss += step(batch);
  }
  const auto sum = at::scalar_tensor(loss, at::kDouble);
  processes.sum({sum});
  return sum.item<double>() / static_cast<double>(count);
}

void seed_step(std::uint64_t seed, std::int64_t epoch, std::int64_t position) {
  const auto stream = (static_cast<std::uint64_t>(epoch) << 32) + static_cast<std::uint64_t>(position);
  at::manual_seed(imaging::Random(seed, stream)());
}

at::Tensor load_features(const MethodContext& context, const std::string& id, std::int64_t max_instances) {
  auto bag = context.bags.get(id);
  const auto features = at::from_blob(
      const_cast<float*>(bag->features.data()), {bag->count, bag->dim}, [bag](void*) {}, at::kFloat);
  if (max_instances <= 0 || max_instances >= bag->count) return features.to(context.device);
  const auto drawn = std::get<0>(at::randperm(bag->count, at::kLong).narrow(0, 0, max_instances).sort());
  return features.index_select(0, drawn).to(context.device);
}

double finite_loss(const at::Tensor& loss, const std::string& id) {
  const auto value = loss.item<double>();
  if (!std::isfinite(value)) {
    throw imaging::Error(imaging::ErrorCode::invalid_argument,
                         fmt::format("The loss of bag {} is not finite; lower --learning-rate.", id));
  }
  return value;
}

}  // namespace mil
