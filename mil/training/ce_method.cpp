#include "mil/training/ce_method.h"

#include <torch/types.h>

#include "mil/aggregators/module_weights.h"
#include "mil/training/adam.h"
#include "mil/training/bag_batches.h"
#include "mil/training/process_group.h"
#include "mil/training/schedule.h"
#include "mil/training/training_plan.h"

namespace mil {
namespace {

class CeMethod : public TrainingMethod {
 public:
  CeMethod(const TrainOptions& options, MethodContext context)
      : options_(options),
        context_(std::move(context)),
        network_(make_network(context_)),
        adam_(network_->parameters(), options.weight_decay) {
    if (!context_.initial_weights.empty()) load_weights(*network_, context_.initial_weights);
  }

  double run_epoch(std::int64_t epoch, const StepProgress& progress) override {
    network_->train();
    const auto rate = learning_rate_at(options_, epoch);
    return run_batches(context_, options_, epoch, progress, [&](const BatchStep& step) {
      adam_.zero_gradients();
      double loss = 0;
      for (const auto& item : step.items) {
        seed_step(context_.seed, epoch, item.position);
        const auto output =
            network_->forward(load_features(context_, item.example.id, options_.bag_instances));
        const auto value = network_->loss(output, item.example.label, context_.logit_loss);
        (value / step.joint_size).backward();
        loss += finite_loss(value, item.example.id);
      }
      context_.processes.sum({adam_.parameters().gradients});
      adam_.step(rate);
      return loss;
    });
  }

  AggregatorModule& network() override { return *network_; }

  models::TensorMap state() const override {
    models::TensorMap state;
    for (const auto& [name, tensor] : weights_of(*network_)) state["network." + name] = tensor;
    adam_.save(state, "adam.");
    return state;
  }

  void load_state(const models::TensorMap& state) override {
    load_weights(*network_, tensors_under(state, "network."));
    adam_.load(state, "adam.");
  }

 private:
  TrainOptions options_;
  MethodContext context_;
  std::shared_ptr<AggregatorModule> network_;
  Adam adam_;
};

}  // namespace

std::unique_ptr<TrainingMethod> make_ce_method(const TrainingPlan& plan, MethodContext context) {
  return std::make_unique<CeMethod>(plan.training, std::move(context));
}

}  // namespace mil
