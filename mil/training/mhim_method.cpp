#include "mil/training/mhim_method.h"

#include <fmt/format.h>
#include <torch/types.h>

#include <array>

#include "imaging/base/error.h"
#include "mil/aggregators/module_weights.h"
#include "mil/losses/consistency_loss.h"
#include "mil/training/bag_batches.h"
#include "mil/training/ema.h"
#include "mil/training/process_group.h"
#include "mil/training/schedule.h"
#include "mil/training/training_plan.h"

namespace mil {
namespace {

constexpr double kTeacherTemperature = 0.1;
constexpr double kStudentTemperature = 1;

struct Preset {
  const char* name;
  bool is_transmil;
  MaskRatios ratios;
  double consistency;
  bool is_momentum_rising;
};

// methods/mil.md 3.7; TCGA's momentum rises for abmil and dsmil, C16's for transmil.
constexpr std::array kPresets{
    Preset{"c16", false, {.random = 0.5, .low = 0, .high = 0.01, .high_pool = 0.5}, 0.1, false},
    Preset{"c16", true, {.random = 0, .low = 0.8, .high = 0.03, .high_pool = 0.5}, 0.1, true},
    Preset{"tcga", false, {.random = 0.7, .low = 0.2, .high = 0.02, .high_pool = 1}, 0.5, true},
    Preset{"tcga", true, {.random = 0.6, .low = 0.2, .high = 0.02, .high_pool = 1}, 0.5, false},
};

std::vector<std::int64_t> draw_permutation(std::int64_t n) {
  const auto order = at::randperm(n, at::kLong);
  return {order.data_ptr<std::int64_t>(), order.data_ptr<std::int64_t>() + n};
}

/// @param scores  [H, N]
/// @return        indices of the student's instances, ascending, at least one, on the scores' device
at::Tensor draw_kept(const at::Tensor& scores, const MaskRatios& ratios, HeadFusion fusion) {
  const auto plain = scores.detach().to(at::kCPU, at::kFloat).contiguous();
  const auto count = plain.size(1);
  const auto masked =
      select_masked(std::span(plain.data_ptr<float>(), static_cast<std::size_t>(plain.numel())), count,
                    ratios, &draw_permutation, fusion);
  auto kept = kept_instances(masked, count);
  if (kept.empty()) kept.push_back(plain.sum(0).argmax().item<std::int64_t>());
  return torch::tensor(kept, at::kLong).to(scores.device());
}

class MhimMethod : public TrainingMethod {
 public:
  MhimMethod(const TrainingPlan& plan, MethodContext context)
      : options_(plan.training),
        context_(std::move(context)),
        pair_(make_student(), make_teacher(), mhim_settings(plan.mhim, plan.training.base),
              plan.training.weight_decay,
              steps_per_epoch(static_cast<std::int64_t>(context_.examples.size()), options_) *
                  context_.epochs) {
    if (context_.initial_weights.empty()) load_weights(pair_.teacher(), weights_of(pair_.student()));
  }

  double run_epoch(std::int64_t epoch, const StepProgress& progress) override {
    pair_.student().train();
    const auto rate = learning_rate_at(options_, epoch);
    return run_batches(context_, options_, epoch, progress, [&](const BatchStep& step) {
      double loss = 0;
      for (const auto& item : step.items) {
        seed_step(context_.seed, epoch, item.position);
        const auto features = load_features(context_, item.example.id, options_.bag_instances);
        const auto value = pair_.accumulate(features, item.example.label, context_.logit_loss, step.number,
                                            1 / static_cast<double>(step.joint_size));
        loss += finite_loss(value, item.example.id);
      }
      context_.processes.sum({pair_.adam().parameters().gradients});
      pair_.update(rate, step.number);
      return loss;
    });
  }

  AggregatorModule& network() override { return pair_.student(); }
  models::TensorMap state() const override { return pair_.state(); }
  void load_state(const models::TensorMap& state) override { pair_.load_state(state); }

 private:
  std::shared_ptr<AggregatorModule> make_student() const {
    auto network = make_network(context_);
    if (context_.initial_weights.empty()) return network;
    auto weights = weights_of(*network);
    for (const auto& [name, tensor] : context_.initial_weights) {
      if (name.starts_with("embedding.")) weights[name] = tensor;
    }
    load_weights(*network, weights);
    return network;
  }

  std::shared_ptr<AggregatorModule> make_teacher() const {
    auto network = make_network(context_);
    if (!context_.initial_weights.empty()) load_weights(*network, context_.initial_weights);
    return network;
  }

  TrainOptions options_;
  MethodContext context_;
  MhimPair pair_;
};

}  // namespace

MhimSettings mhim_settings(const MhimOptions& options, const std::string& base) {
  for (const auto& preset : kPresets) {
    if (preset.name != options.mhim_preset || preset.is_transmil != (base == "transmil")) continue;
    const auto schedule = options.mhim_momentum_schedule;
    return {.ratios = {.random = options.mhim_random.value_or(preset.ratios.random),
                       .low = options.mhim_low.value_or(preset.ratios.low),
                       .high = options.mhim_high.value_or(preset.ratios.high),
                       .high_pool = options.mhim_high_pool.value_or(preset.ratios.high_pool)},
            .consistency = options.mhim_consistency.value_or(preset.consistency),
            .momentum = options.mhim_momentum,
            .is_momentum_rising = schedule ? *schedule == "cosine" : preset.is_momentum_rising,
            .is_high_decaying = options.mhim_decay,
            .fusion = options.mhim_fusion == "vote" ? HeadFusion::vote : HeadFusion::mean};
  }
  throw imaging::Error(imaging::ErrorCode::invalid_argument,
                       fmt::format("MHIM has no preset '{}'.", options.mhim_preset));
}

MhimPair::MhimPair(std::shared_ptr<AggregatorModule> student, std::shared_ptr<AggregatorModule> teacher,
                   const MhimSettings& settings, double weight_decay, std::int64_t total_steps)
    : student_(std::move(student)),
      teacher_(std::move(teacher)),
      settings_(settings),
      total_steps_(total_steps),
      adam_(student_->parameters(), weight_decay),
      average_(teacher_->parameters()) {
  teacher_->train();
}

at::Tensor MhimPair::accumulate(const at::Tensor& features, std::int64_t label, const LogitLoss& logit_loss,
                                std::int64_t step, double share) {
  AggregatorOutput target;
  {
    const at::NoGradGuard no_graph;
    target = teacher_->forward(features);
  }
  if (!target.mask_scores.defined()) {
    throw imaging::Error(imaging::ErrorCode::incompatible, "This base gives MHIM nothing to mask by.");
  }
  auto ratios = settings_.ratios;
  if (settings_.is_high_decaying) ratios.high = cosine_value(ratios.high, 0, step, total_steps_);
  const auto kept = draw_kept(target.mask_scores, ratios, settings_.fusion);
  const auto output = student_->forward(features.index_select(0, kept));
  auto loss = student_->loss(output, label, logit_loss);
  if (settings_.consistency > 0) {
    loss = loss + settings_.consistency * consistency_loss(output.embedding, target.embedding,
                                                           kStudentTemperature, kTeacherTemperature);
  }
  (loss * share).backward();
  return loss.detach();
}

void MhimPair::update(double learning_rate, std::int64_t step) {
  adam_.step(learning_rate);
  adam_.zero_gradients();
  const auto momentum = settings_.is_momentum_rising ? cosine_value(settings_.momentum, 1, step, total_steps_)
                                                     : settings_.momentum;
  update_ema({average_.values}, {adam_.parameters().values}, momentum);
}

models::TensorMap MhimPair::state() const {
  models::TensorMap state;
  for (const auto& [name, tensor] : weights_of(*student_)) state["student." + name] = tensor;
  for (const auto& [name, tensor] : weights_of(*teacher_)) state["teacher." + name] = tensor;
  adam_.save(state, "adam.");
  return state;
}

void MhimPair::load_state(const models::TensorMap& state) {
  load_weights(*student_, tensors_under(state, "student."));
  load_weights(*teacher_, tensors_under(state, "teacher."));
  adam_.load(state, "adam.");
}

std::unique_ptr<TrainingMethod> make_mhim_method(const TrainingPlan& plan, MethodContext context) {
  return std::make_unique<MhimMethod>(plan, std::move(context));
}

}  // namespace mil
