#include "mil/training/ins_method.h"

#include <fmt/format.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "imaging/base/error.h"
#include "imaging/base/random.h"
#include "mil/aggregators/module_weights.h"
#include "mil/training/bag_batches.h"
#include "mil/training/bag_cache.h"
#include "mil/training/ins_learner_module.h"
#include "mil/training/process_group.h"
#include "mil/training/training_plan.h"

namespace mil {
namespace {

/// A bag's place among all instances of the training part.
struct PlacedBag {
  Example example;
  std::int64_t first = 0, count = 0;
};

struct Share {
  std::int64_t first = 0, count = 0;
};

/// What one process takes of `count` rows.
Share share_of(std::int64_t count, const ProcessGroup& processes) {
  const auto first = processes.rank() * count / processes.size();
  return {first, (processes.rank() + 1) * count / processes.size() - first};
}

class InsMethod : public TrainingMethod {
 public:
  InsMethod(const TrainingPlan& plan, MethodContext context)
      : options_(plan.ins),
        embed_dim_(plan.base.embed_dim),
        context_(std::move(context)),
        drops_jointly_(context_.device.is_cpu() && plan.base.activation == "relu") {
    const auto warm_up = std::ceil(options_.ins_warmup * static_cast<double>(context_.epochs));
    warm_up_epochs_ = std::min(static_cast<std::int64_t>(warm_up), context_.epochs - 1);
    std::int64_t total = 0;
    for (const auto& example : context_.examples) {
      const auto count = context_.bags.get(example.id)->count;
      bags_.push_back({example, total, count});
      total += count;
    }
    const auto confidence = at::full({total, 2}, 0.5, at::kFloat);
    for (const auto& bag : bags_) {
      if (bag.example.label == 0) {
        confidence.narrow(0, bag.first, bag.count).copy_(at::tensor({1.F, 0.F}).expand({bag.count, 2}));
      }
    }
    learner_ = std::make_unique<InsLearnerModule>(
        make_learning_network(), make_learning_network(), embed_dim_, options_.ins_projection_dim,
        std::min(options_.ins_queue, total), confidence,
        InsConstants{.temperature = options_.ins_temperature,
                     .contrast_weight = options_.ins_contrast_weight,
                     .bag_weight = options_.ins_bag_weight,
                     .learning_rate = options_.ins_learning_rate,
                     .weight_decay = options_.ins_weight_decay});
  }

  double run_epoch(std::int64_t epoch, const StepProgress& progress) override {
    learner_->train();
    seed_step(context_.seed, epoch, drops_jointly_ ? 0 : context_.processes.rank());
    imaging::Random random(context_.seed, static_cast<std::uint64_t>(epoch));
    const auto loss = learn_instances(epoch, random, progress);
    if (options_.ins_bag_weight > 0) learn_bags(random, progress);
    fit_line(progress);
    return loss;
  }

  AggregatorModule& network() override { return *learner_->query->classifier; }

  models::TensorMap state() const override {
    auto state = weights_of(*learner_);
    state["velocity"] = learner_->optimiser().velocity().to(at::kCPU, at::kFloat, false, /*copy=*/true);
    return state;
  }

  void load_state(const models::TensorMap& state) override {
    auto weights = state;
    const auto velocity = weights.extract("velocity");
    auto& own = learner_->optimiser().velocity();
    if (velocity.empty() || velocity.mapped().sizes() != own.sizes()) {
      throw imaging::Error(imaging::ErrorCode::incompatible,
                           "The stored training state has no fitting 'velocity'.");
    }
    load_weights(*learner_, weights);
    own.copy_(velocity.mapped());
  }

 private:
  std::shared_ptr<InsNetwork> make_learning_network() const {
    auto network = std::make_shared<InsNetwork>(std::dynamic_pointer_cast<InsModule>(make_network(context_)),
                                                embed_dim_, options_.ins_projection_dim);
    network->to(context_.device);
    return network;
  }

  /// Bags that are in memory together.
  std::vector<std::vector<PlacedBag>> cut_blocks(std::vector<PlacedBag> bags) const {
    const auto most =
        (options_.ins_shuffle_mb << 20) / (context_.input_dim * static_cast<std::int64_t>(sizeof(float)));
    std::vector<std::vector<PlacedBag>> blocks;
    std::int64_t rows = most;
    for (auto& bag : bags) {
      if (rows + bag.count > most || blocks.empty()) {
        blocks.emplace_back();
        rows = 0;
      }
      rows += bag.count;
      blocks.back().push_back(std::move(bag));
    }
    return blocks;
  }

  void expect_bags(const std::vector<PlacedBag>& bags) const {
    std::vector<std::string> ids;
    for (const auto& bag : bags) ids.push_back(bag.example.id);
    context_.bags.expect(ids);
  }

  /// @return  mean loss over the tiles seen
  double learn_instances(std::int64_t epoch, imaging::Random& random, const StepProgress& progress) {
    const bool is_warm_up = epoch <= warm_up_epochs_;
    auto bags = bags_;
    if (is_warm_up) std::erase_if(bags, [](const PlacedBag& bag) { return bag.example.label == 0; });
    double loss = 0;
    std::int64_t seen = 0, finished = 0;
    random.shuffle(std::span(bags));
    expect_bags(bags);
    for (const auto& block : cut_blocks(std::move(bags))) {
      std::vector<at::Tensor> features, index, candidates;
      for (const auto& bag : block) {
        features.push_back(load_features(context_, bag.example.id, 0));
        index.push_back(at::arange(bag.first, bag.first + bag.count, at::kLong));
        candidates.push_back(at::tensor({1.F, bag.example.label == 0 ? 0.F : 1.F}).expand({bag.count, 2}));
      }
      const auto all_features = at::cat(features);
      const auto all_index = at::cat(index).to(context_.device);
      const auto all_candidates = at::cat(candidates).to(context_.device);
      const auto count = all_features.size(0);
      std::vector<std::int64_t> order(static_cast<std::size_t>(count));
      std::iota(order.begin(), order.end(), 0);
      random.shuffle(std::span(order));
      const auto rows = at::tensor(order, at::kLong).to(context_.device);
      for (std::int64_t done = 0; done < count; done += options_.ins_batch) {
        progress(finished);
        const auto size = std::min(options_.ins_batch, count - done);
        const auto batch_rows = rows.narrow(0, done, size);
        const auto own = share_of(size, context_.processes);
        const auto views = all_features.index_select(0, batch_rows.narrow(0, own.first, own.count));
        const auto step =
            learner_->step({.weak = views,
                            .strong = views,
                            .index = all_index.index_select(0, batch_rows),
                            .candidates = all_candidates.index_select(0, batch_rows),
                            .first = own.first,
                            .is_warm_up = is_warm_up,
                            .confidence_momentum = confidence_momentum(epoch - 1, context_.epochs)},
                           context_.processes);
        check_finite(step.loss);
        loss += step.loss * static_cast<double>(size);
        seen += size;
      }
      finished += static_cast<std::int64_t>(block.size());
    }
    return loss / static_cast<double>(seen);
  }

  void learn_bags(imaging::Random& random, const StepProgress& progress) {
    auto bags = bags_;
    random.shuffle(std::span(bags));
    expect_bags(bags);
    for (const auto& bag : bags) {
      progress(static_cast<std::int64_t>(bags.size()));
      const auto own = share_of(bag.count, context_.processes);
      const auto rows = load_features(context_, bag.example.id, 0).narrow(0, own.first, own.count);
      check_finite(learner_->step_on_bag(rows, own.first, bag.count, bag.example.label, context_.processes));
    }
  }

  void fit_line(const StepProgress& progress) {
    auto& network = *learner_->query->classifier;
    const auto own = share_of(static_cast<std::int64_t>(bags_.size()), context_.processes);
    std::vector<double> log_odds;
    std::vector<std::int64_t> labels;
    for (const auto& bag : bags_) labels.push_back(bag.example.label);
    expect_bags({bags_.begin() + own.first, bags_.begin() + own.first + own.count});
    for (auto i = own.first; i < own.first + own.count; ++i) {
      progress(static_cast<std::int64_t>(bags_.size()));
      const auto& id = bags_[static_cast<std::size_t>(i)].example.id;
      const auto output = network.infer(load_features(context_, id, 0));
      log_odds.push_back(network.pooled_log_odds(output.instance_logits).item<double>());
    }
    const auto all = context_.processes.gather(at::tensor(log_odds, at::kDouble).to(context_.device)).cpu();
    check_alive(all);
    const auto [slope, offset] =
        fit_bag_line({all.data_ptr<double>(), all.data_ptr<double>() + all.numel()}, labels);
    const at::NoGradGuard no_gradients;
    network.bag_line.copy_(at::tensor({static_cast<float>(slope), static_cast<float>(offset)}));
  }

  /// Where a step was too large, no unit of the embedding answers any more and all bags are the same.
  static void check_alive(const at::Tensor& log_odds) {
    constexpr double kRounding = 1e-5;
    const auto spread = (log_odds.max() - log_odds.min()).item<double>();
    if (spread > kRounding * (1 + log_odds.abs().max().item<double>())) return;
    throw imaging::Error(
        imaging::ErrorCode::invalid_argument,
        "INS tells no bag from another after an epoch: its step is too large for features of "
        "this size; lower --ins-learning-rate, tenfold at first.");
  }

  static void check_finite(double loss) {
    if (!std::isfinite(loss)) {
      throw imaging::Error(imaging::ErrorCode::invalid_argument,
                           "The loss of INS is not finite; lower --ins-learning-rate.");
    }
  }

  InsOptions options_;
  std::int64_t embed_dim_;
  MethodContext context_;
  bool drops_jointly_;  ///< relu_dropout_ knows the place of a row among all processes
  std::int64_t warm_up_epochs_ = 0;
  std::vector<PlacedBag> bags_;
  std::unique_ptr<InsLearnerModule> learner_;
};

}  // namespace

double confidence_momentum(std::int64_t epoch, std::int64_t epochs) {
  if (epoch == 0) return 0.8;
  return confidence_momentum_after(static_cast<double>(epoch - 1), static_cast<double>(epochs));
}

std::unique_ptr<TrainingMethod> make_ins_method(const TrainingPlan& plan, MethodContext context) {
  return std::make_unique<InsMethod>(plan, std::move(context));
}

}  // namespace mil
