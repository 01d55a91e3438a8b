#include "mil/training/scmil_method.h"

#include <fmt/format.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "imaging/base/error.h"
#include "mil/aggregators/module_weights.h"
#include "mil/losses/supervised_contrastive.h"
#include "mil/training/adam.h"
#include "mil/training/bag_batches.h"
#include "mil/training/bag_cache.h"
#include "mil/training/process_group.h"
#include "mil/training/projection_module.h"
#include "mil/training/schedule.h"
#include "mil/training/training_plan.h"

namespace mil {
namespace {

std::vector<at::Tensor> joined(std::vector<at::Tensor> first, const std::vector<at::Tensor>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

class ScmilMethod : public TrainingMethod {
 public:
  ScmilMethod(const TrainingPlan& plan, MethodContext context)
      : training_(plan.training),
        options_(plan.scmil),
        context_(std::move(context)),
        network_(make_network(context_)),
        projection_(
            std::make_shared<ProjectionModule>(network_->embedding_size(), options_.scmil_projection_dim)) {
    if (!context_.initial_weights.empty()) load_weights(*network_, context_.initial_weights);
    projection_->to(context_.device);
    adam_ = std::make_unique<Adam>(joined(network_->parameters(), projection_->parameters()),
                                   training_.weight_decay);
    contrast_.temperature = options_.scmil_temperature;
    contrast_.base_temperature = options_.scmil_base_temperature;
    contrast_.lone_anchors =
        options_.scmil_lone_anchors == "zero" ? LoneAnchors::count_as_zero : LoneAnchors::left_out;
    for (const auto& example : context_.examples) labels_.push_back(example.label);
    imaging::Random random(context_.seed);
    (void)draw_batches(random);
  }

  double run_epoch(std::int64_t epoch, const StepProgress& progress) override {
    network_->train();
    const auto beta = contrast_weight(options_, epoch - 1, context_.epochs);
    const auto rate = learning_rate_at(training_, epoch);
    imaging::Random random(context_.seed, static_cast<std::uint64_t>(epoch));
    const auto batches = draw_batches(random);
    expect_bags(batches, beta);
    double loss = 0;
    std::int64_t bags = 0;
    for (const auto& batch : batches) {
      progress(std::min(bags, static_cast<std::int64_t>(context_.examples.size())));
      const auto size = static_cast<std::int64_t>(batch.size());
      loss += step(batch, beta, epoch, bags) * static_cast<double>(size);
      adam_->step(rate);
      bags += size;
    }
    return loss / static_cast<double>(bags);
  }

  AggregatorModule& network() override { return *network_; }

  models::TensorMap state() const override {
    models::TensorMap state;
    for (const auto& [name, tensor] : weights_of(*network_)) state["network." + name] = tensor;
    for (const auto& [name, tensor] : weights_of(*projection_)) state["projection." + name] = tensor;
    adam_->save(state, "adam.");
    return state;
  }

  void load_state(const models::TensorMap& state) override {
    load_weights(*network_, tensors_under(state, "network."));
    load_weights(*projection_, tensors_under(state, "projection."));
    adam_->load(state, "adam.");
  }

 private:
  std::vector<std::vector<std::size_t>> draw_batches(imaging::Random& random) const {
    return draw_bag_batches(labels_, options_.scmil_batch, options_.scmil_sampler == "balanced", random);
  }

  struct Range {
    std::int64_t first = 0, end = 0;
  };

  /// What this process embeds of a batch.
  Range own_part(std::size_t batch_size) const {
    const auto& processes = context_.processes;
    const auto size = static_cast<std::int64_t>(batch_size);
    return {processes.rank() * size / processes.size(), (processes.rank() + 1) * size / processes.size()};
  }

  void expect_bags(const std::vector<std::vector<std::size_t>>& batches, double beta) const {
    std::vector<std::string> ids;
    for (const auto& batch : batches) {
      const auto own = own_part(batch.size());
      for (int pass = beta > 0 ? 0 : 1; pass < 2; ++pass) {
        for (auto i = own.first; i < own.end; ++i) {
          ids.push_back(context_.examples[batch[static_cast<std::size_t>(i)]].id);
        }
      }
    }
    context_.bags.expect(ids);
  }

  /// A bag as this step draws it: its tiles and, from here on, its dropout.
  at::Tensor draw(const Example& example, std::int64_t epoch, std::int64_t position) const {
    seed_step(context_.seed, epoch, position);
    return load_features(context_, example.id, options_.scmil_instances);
  }

  /// Leaves the gradient of the batch's loss, over all processes, with the parameters.
  /// @param position  in the epoch, of the batch's first bag
  double step(const std::vector<std::size_t>& batch, double beta, std::int64_t epoch, std::int64_t position) {
    auto& processes = context_.processes;
    const auto size = static_cast<std::int64_t>(batch.size());
    const auto [first, end] = own_part(batch.size());
    const auto example = [&](std::int64_t i) -> const Example& {
      return context_.examples[batch[static_cast<std::size_t>(i)]];
    };
    adam_->zero_gradients();

    double contrast = 0;
    at::Tensor gradients;  // of the weighted contrast by the batch's embeddings, [B, E]
    if (beta > 0) {
      std::vector<at::Tensor> own{at::empty({0, network_->embedding_size()}, context_.device)};
      for (auto i = first; i < end; ++i) {
        const at::NoGradGuard no_gradients;
        own.push_back(network_->forward(draw(example(i), epoch, position + i)).embedding.reshape({1, -1}));
      }
      const auto embeddings = processes.gather(at::cat(own)).requires_grad_();
      std::vector<std::int64_t> labels;
      for (std::int64_t i = 0; i < size; ++i) labels.push_back(example(i).label);
      const auto value = supervised_contrast(projection_->forward(embeddings),
                                             at::tensor(labels, at::kLong).to(context_.device), contrast_);
      (beta * value).backward();
      contrast = value.item<double>();
      gradients = embeddings.grad();
      // Every process has the projection's whole gradient; the sum below shall hold it once.
      if (processes.rank() > 0) {
        for (auto parameter : projection_->parameters()) parameter.mutable_grad().zero_();
      }
    }

    const auto base = at::zeros({1}, at::TensorOptions(at::kDouble).device(context_.device));
    for (auto i = first; i < end; ++i) {
      const auto output = network_->forward(draw(example(i), epoch, position + i));
      auto objective = at::zeros({}, context_.device);
      if (beta > 0) objective = objective + at::dot(output.embedding.flatten(), gradients[i]);
      if (beta < 1) {
        const auto loss = network_->loss(output, example(i).label, context_.logit_loss);
        base.add_(finite_loss(loss, example(i).id) / static_cast<double>(size));
        objective = objective + loss * ((1 - beta) / static_cast<double>(size));
      }
      objective.backward();
    }
    processes.sum({adam_->parameters().gradients, base});
    const auto total = beta * contrast + (1 - beta) * base.item<double>();
    if (!std::isfinite(total)) {
      throw imaging::Error(imaging::ErrorCode::invalid_argument,
                           "The contrast of a batch is not finite; lower --learning-rate.");
    }
    return total;
  }

  TrainOptions training_;
  ScmilOptions options_;
  MethodContext context_;
  std::shared_ptr<AggregatorModule> network_;
  std::shared_ptr<ProjectionModule> projection_;
  std::unique_ptr<Adam> adam_;
  SupervisedContrastOptions contrast_;
  std::vector<std::int64_t> labels_;
};

}  // namespace

double contrast_weight(const ScmilOptions& options, std::int64_t epoch, std::int64_t epochs) {
  const double share = static_cast<double>(epoch) / static_cast<double>(epochs);
  if (options.scmil_schedule == "parabolic") return 1 - share * share;
  if (options.scmil_schedule == "linear") return 1 - share;
  if (options.scmil_schedule == "cosine") return cosine_value(1, 0, epoch, epochs);
  if (options.scmil_schedule == "step") return share < options.scmil_switch ? 1 : 0;
  return options.scmil_weight;
}

std::vector<std::vector<std::size_t>> draw_bag_batches(const std::vector<std::int64_t>& labels,
                                                       std::int64_t batch, bool is_balanced,
                                                       imaging::Random& random) {
  const auto size = static_cast<std::size_t>(batch);
  std::vector<std::vector<std::size_t>> batches;
  if (!is_balanced) {
    std::vector<std::size_t> order(labels.size());
    std::iota(order.begin(), order.end(), 0);
    random.shuffle(std::span(order));
    for (std::size_t i = 0; i < order.size(); i += size) {
      const auto end = std::min(order.size(), i + size);
      batches.emplace_back(order.begin() + static_cast<std::ptrdiff_t>(i),
                           order.begin() + static_cast<std::ptrdiff_t>(end));
    }
    return batches;
  }

  struct Deck {
    std::vector<std::size_t> bags;
    std::size_t next = 0;
  };
  std::map<std::int64_t, Deck> decks;
  for (std::size_t i = 0; i < labels.size(); ++i) decks[labels[i]].bags.push_back(i);
  if (size < 2 * decks.size()) {
    throw imaging::Error(
        imaging::ErrorCode::invalid_argument,
        fmt::format(
            "A batch of {} bags cannot hold two of each of {} classes; give --scmil-batch {} or more, "
            "or --scmil-sampler natural.",
            batch, decks.size(), 2 * decks.size()));
  }
  std::vector<Deck*> classes;
  for (auto& [label, deck] : decks) {
    random.shuffle(std::span(deck.bags));
    classes.push_back(&deck);
  }
  std::size_t turn = 0;
  for (std::size_t done = 0; done < labels.size(); done += size) {
    auto& drawn = batches.emplace_back();
    for (std::size_t i = 0; i < size; ++i, ++turn) {
      auto& deck = *classes[turn % classes.size()];
      if (deck.next == deck.bags.size()) {
        random.shuffle(std::span(deck.bags));
        deck.next = 0;
      }
      drawn.push_back(deck.bags[deck.next++]);
    }
  }
  return batches;
}

std::unique_ptr<TrainingMethod> make_scmil_method(const TrainingPlan& plan, MethodContext context) {
  return std::make_unique<ScmilMethod>(plan, std::move(context));
}

}  // namespace mil
