#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "mil/aggregators/aggregator_module.h"
#include "models/runtime/safetensors.h"

namespace mil {

class BagCache;
class ProcessGroup;
struct TrainingPlan;

/// One bag of the training part.
struct Example {
  std::string id;
  std::int64_t label = 0;
};

/// What every training method is given. All references outlive the method.
struct MethodContext {
  BagCache& bags;
  ProcessGroup& processes;        ///< one process unless started by torchrun, srun or the like
  std::vector<Example> examples;  ///< the whole training part, the same in every process
  std::int64_t class_count = 2;
  std::int64_t input_dim = 0;
  std::int64_t epochs = 1;
  std::uint64_t seed = 0;
  torch::Device device;
  LogitLoss logit_loss;  ///< cross-entropy, weighted or focal, as the options say
  std::string architecture;
  nlohmann::json architecture_arguments;
  models::TensorMap initial_weights;  ///< of a trained base, where the method starts from one; else empty
};

/// A new network of the context's architecture, on its device. Weights are drawn from torch's generator.
[[nodiscard]] std::shared_ptr<AggregatorModule> make_network(const MethodContext& context);

/// Told after each step: bags seen in this epoch. Throws imaging::Cancelled where a stop was requested.
using StepProgress = std::function<void(std::int64_t bags)>;

/// One way to train an aggregator. An epoch depends on the state, the seed and the epoch's number alone (it
/// seeds its own generators with both), so that a run that goes on from a stored state gives the same
/// weights.
///
/// @par Threads  One caller at a time; with several processes, all call the same methods in the same order.
class TrainingMethod {
 public:
  virtual ~TrainingMethod() = default;

  /// @param epoch  from 1
  /// @return       mean loss over the epoch's bags, the same in every process
  /// @throws imaging::Error  `invalid_argument` on a loss that is not finite; imaging::Cancelled.
  virtual double run_epoch(std::int64_t epoch, const StepProgress& progress) = 0;

  /// What is evaluated, and stored in the package.
  [[nodiscard]] virtual AggregatorModule& network() = 0;

  /// All that the next epoch depends on: weights, optimiser, teacher, queue, prototypes, pseudo labels.
  [[nodiscard]] virtual models::TensorMap state() const = 0;
  /// @throws imaging::Error  `incompatible` where `state` is of another method or shape, naming the tensor.
  virtual void load_state(const models::TensorMap& state) = 0;
};

/// The architecture that a plan trains: its base, or the method's own where the method has one.
/// @throws imaging::Error  `invalid_argument` on a method that is unknown or does not train the base.
[[nodiscard]] std::string architecture_of(const TrainingPlan& plan);

/// @throws imaging::Error  as `architecture_of`; `incompatible` where `initial_weights` do not fit.
[[nodiscard]] std::unique_ptr<TrainingMethod> make_training_method(const TrainingPlan& plan,
                                                                   MethodContext context);

}  // namespace mil
