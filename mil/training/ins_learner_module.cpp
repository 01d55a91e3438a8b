#include "mil/training/ins_learner_module.h"

#include <torch/nn/functional.h>

#include <algorithm>
#include <cmath>

#include "imaging/base/error.h"
#include "mil/losses/supervised_contrastive.h"
#include "mil/training/ema.h"
#include "mil/training/process_group.h"

namespace mil {
namespace {

namespace F = torch::nn::functional;

constexpr double kSgdMomentum = 0.9;
constexpr double kKeyMomentum = 0.999;
constexpr double kPrototypeMomentum = 0.9;

}  // namespace

InsNetwork::InsNetwork(std::shared_ptr<InsModule> module, std::int64_t embed_dim,
                       std::int64_t projection_dim) {
  classifier = register_module("classifier", std::move(module));
  projection = register_module("projection", std::make_shared<ProjectionModule>(embed_dim, projection_dim));
}

InsNetwork::Output InsNetwork::forward(const at::Tensor& features, std::int64_t first_row) {
  const auto embedded = classifier->embed(features, first_row);
  return {classifier->classifier->forward(embedded), projection->forward(embedded)};
}

Sgd::Sgd(const std::vector<at::Tensor>& parameters, double learning_rate, double weight_decay,
         double momentum)
    : parameters_(parameters),
      velocity_(at::zeros_like(parameters_.values)),
      learning_rate_(learning_rate),
      weight_decay_(weight_decay),
      momentum_(momentum) {}

void Sgd::step() {
  const at::NoGradGuard no_gradients;
  velocity_.mul_(momentum_).add_(parameters_.gradients).add_(parameters_.values, weight_decay_);
  parameters_.values.sub_(velocity_, learning_rate_);
}

InsLearnerModule::InsLearnerModule(std::shared_ptr<InsNetwork> trained, std::shared_ptr<InsNetwork> slow,
                                   std::int64_t embed_dim, std::int64_t projection_dim,
                                   std::int64_t queue_size, const at::Tensor& start,
                                   const InsConstants& constants)
    : constants_(constants) {
  const auto device = trained->parameters().front().device();
  query = register_module("query", std::move(trained));
  key = register_module("key", std::move(slow));
  bag_classifier = register_module("bag_classifier", torch::nn::Linear(embed_dim, 2));
  bag_classifier->to(device);
  const auto floats = at::TensorOptions(at::kFloat).device(device);
  prototypes = register_buffer("prototypes", at::zeros({2, projection_dim}, floats));
  confidence = register_buffer("confidence", start.to(device, at::kFloat, false, /*copy=*/true));
  queue = register_buffer("queue", at::zeros({queue_size, projection_dim}, floats));
  queue_scores = register_buffer("queue_scores", at::zeros({queue_size, 2}, floats));
  queue_place = register_buffer("queue_place", at::zeros({2}, at::kLong));

  key_parameters_ = std::make_unique<FlatParameters>(key->parameters());
  auto trainable = query->parameters();
  for (const auto& parameter : bag_classifier->parameters()) trainable.push_back(parameter);
  optimiser_ =
      std::make_unique<Sgd>(trainable, constants.learning_rate, constants.weight_decay, kSgdMomentum);
  for (auto parameter : key->parameters()) parameter.set_requires_grad(false);
  key_parameters_->values.copy_(
      optimiser_->parameters().values.narrow(0, 0, key_parameters_->values.numel()));
}

InsStep InsLearnerModule::step(const InsBatch& batch, ProcessGroup& processes) {
  const auto own = batch.weak.size(0);
  const auto size = batch.index.size(0);
  optimiser_->zero_gradients();
  const auto output = query->forward(batch.weak, batch.first);

  InsStep seen;
  seen.logits = processes.gather(output.logits.detach());
  const auto queries = processes.gather(output.projected.detach()).requires_grad_();
  at::Tensor keys, classes;
  {
    const at::NoGradGuard no_gradients;
    seen.pseudo_scores = seen.logits.softmax(1) * batch.candidates;
    classes = seen.pseudo_scores.argmax(1);
    seen.prototype_scores = at::mm(queries, prototypes.t()).softmax(1);
    move_prototypes(queries, classes);
    update_ema({key_parameters_->values},
               {optimiser_->parameters().values.narrow(0, 0, key_parameters_->values.numel())}, kKeyMomentum);
    keys = processes.gather(key->forward(batch.strong, batch.first).projected);
    if (!batch.is_warm_up) update_confidence(batch, seen.prototype_scores);
    seen.features = at::cat({queries, keys});
  }

  const auto filled = queue_place[1].item<std::int64_t>();
  const auto remembered = queue.narrow(0, 0, filled);
  const auto contrast =
      batch.is_warm_up
          ? queue_contrast(queries, keys, remembered, constants_.temperature)
          : pseudo_label_contrast(at::cat({queries, keys, remembered}),
                                  at::cat({classes, classes, queue_scores.narrow(0, 0, filled).argmax(1)}),
                                  size, constants_.temperature);
  contrast.backward();
  const auto targets = confidence.index_select(0, batch.index);
  const auto class_loss =
      -(targets.narrow(0, batch.first, own) * output.logits.log_softmax(1)).sum() / static_cast<double>(size);
  const auto pull = (output.projected * queries.grad().narrow(0, batch.first, own)).sum();
  (class_loss + constants_.contrast_weight * pull).backward();
  processes.sum({optimiser_->parameters().gradients});

  seen.class_loss = -(targets * seen.logits.log_softmax(1)).sum(1).mean().item<double>();
  seen.contrast_loss = contrast.item<double>();
  seen.loss = seen.class_loss + constants_.contrast_weight * seen.contrast_loss;
  enqueue(keys, seen.pseudo_scores);
  optimiser_->step();
  return seen;
}

double InsLearnerModule::step_on_bag(const at::Tensor& rows, std::int64_t first, std::int64_t count,
                                     std::int64_t label, ProcessGroup& processes) {
  optimiser_->zero_gradients();
  const auto part =
      query->classifier->embed(rows, first).sum(0, /*keepdim=*/true) / static_cast<double>(count);
  const auto mean = processes.gather(part.detach()).sum(0, /*keepdim=*/true).requires_grad_();
  const auto loss =
      F::cross_entropy(bag_classifier->forward(mean),
                       at::full({1}, label, at::TensorOptions(at::kLong).device(mean.device())));
  (constants_.bag_weight * loss).backward();
  // Every process has the bag classifier's whole gradient; the sum below shall hold it once.
  if (processes.rank() > 0) {
    for (auto parameter : bag_classifier->parameters()) parameter.mutable_grad().zero_();
  }
  (part * mean.grad()).sum().backward();
  processes.sum({optimiser_->parameters().gradients});
  optimiser_->step();
  return loss.item<double>();
}

/// mu <- m mu + (1 - m) q for each row in order, then both rows to length 1.
void InsLearnerModule::move_prototypes(const at::Tensor& projected, const at::Tensor& classes) {
  const auto is_member = at::one_hot(classes, 2);
  const auto later = is_member.sum(0, /*keepdim=*/true) - is_member.cumsum(0);  // rows of the class to come
  const auto member = is_member.to(at::kFloat);
  const auto counts = member.sum(0, /*keepdim=*/true);
  const auto weights = member * (1 - kPrototypeMomentum) * at::pow(kPrototypeMomentum, later.to(at::kFloat));
  prototypes.mul_(at::pow(kPrototypeMomentum, counts).t()).add_(at::mm(weights.t(), projected));
  prototypes.copy_(F::normalize(prototypes, F::NormalizeFuncOptions().p(2).dim(1)));
}

void InsLearnerModule::update_confidence(const InsBatch& batch, const at::Tensor& prototype_scores) {
  const auto chosen = at::one_hot((prototype_scores * batch.candidates).argmax(1), 2).to(at::kFloat);
  const auto moved = confidence.index_select(0, batch.index) * batch.confidence_momentum +
                     chosen * (1 - batch.confidence_momentum);
  const auto is_negative = batch.candidates.select(1, 1).eq(0).unsqueeze(1);
  confidence.index_copy_(0, batch.index, at::where(is_negative, batch.candidates, moved));
}

void InsLearnerModule::enqueue(const at::Tensor& keys, const at::Tensor& scores) {
  const at::NoGradGuard no_gradients;
  const auto size = queue.size(0);
  const auto added = std::min(keys.size(0), size);
  const auto place = queue_place[0].item<std::int64_t>();
  const auto rows =
      at::arange(place, place + added, at::TensorOptions(at::kLong).device(queue.device())).remainder(size);
  queue.index_copy_(0, rows, keys.narrow(0, 0, added));
  queue_scores.index_copy_(0, rows, scores.narrow(0, 0, added));
  queue_place[0] = (place + added) % size;
  queue_place[1] = std::min(queue_place[1].item<std::int64_t>() + added, size);
}

double confidence_momentum_after(double epoch, double epochs) {
  return 0.95 + (0.8 - 0.95) * epoch / epochs;
}

std::pair<double, double> fit_bag_line(const std::vector<double>& log_odds,
                                       const std::vector<std::int64_t>& labels) {
  constexpr double kSmallestSlope = 1e-3;
  constexpr int kIterations = 100;
  const auto count = static_cast<double>(log_odds.size());
  double positives = 0, mean = 0, square = 0;
  for (std::size_t i = 0; i < log_odds.size(); ++i) {
    positives += labels[i] == 1 ? 1 : 0;
    mean += log_odds[i] / count;
  }
  for (const double value : log_odds) square += (value - mean) * (value - mean) / count;
  const double scale = square > 0 ? std::sqrt(square) : 1;
  const double high = (positives + 1) / (positives + 2), low = 1 / (count - positives + 2);
  const auto is_positive = [&](std::size_t i) { return labels[i] == 1; };

  // Newton's method on the centred and scaled log-odds; a step is halved until the loss falls.
  const auto loss_of = [&](double slope, double offset) {
    double loss = 0;
    for (std::size_t i = 0; i < log_odds.size(); ++i) {
      const double u = slope * (log_odds[i] - mean) / scale + offset;
      const double target = is_positive(i) ? high : low;
      loss += std::log1p(std::exp(-std::abs(u))) + std::max(u, 0.0) - target * u;
    }
    return loss;
  };
  const auto minimise = [&](double slope, bool is_slope_free) {
    double offset = 0;
    for (int round = 0; round < kIterations; ++round) {
      double g0 = 0, g1 = 0, h00 = 1e-9, h01 = 0, h11 = 1e-9;
      for (std::size_t i = 0; i < log_odds.size(); ++i) {
        const double x = is_slope_free ? (log_odds[i] - mean) / scale : 0;
        const double u = slope * (log_odds[i] - mean) / scale + offset;
        const double p = 1 / (1 + std::exp(-u));
        const double error = p - (is_positive(i) ? high : low), weight = p * (1 - p);
        g0 += error;
        g1 += error * x;
        h00 += weight;
        h01 += weight * x;
        h11 += weight * x * x;
      }
      const double determinant = h00 * h11 - h01 * h01;
      const double step0 = (h11 * g0 - h01 * g1) / determinant, step1 = (h00 * g1 - h01 * g0) / determinant;
      const double before = loss_of(slope, offset);
      double share = 1;
      while (share > 1e-6 && loss_of(slope - share * step1, offset - share * step0) > before) share /= 2;
      if (share <= 1e-6) break;
      slope -= share * step1;
      offset -= share * step0;
      if (std::abs(step0) + std::abs(step1) < 1e-10) break;
    }
    return std::pair(slope, offset);
  };
  auto [slope, offset] = minimise(0, true);
  if (slope < kSmallestSlope * scale) std::tie(slope, offset) = minimise(kSmallestSlope * scale, false);
  return {slope / scale, offset - slope * mean / scale};
}

}  // namespace mil
