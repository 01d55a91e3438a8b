#include "tests/golden/contrastive_checks.h"

#include <fmt/format.h>
#include <torch/nn/functional.h>
#include <torch/types.h>

#include "imaging/base/error.h"
#include "mil/losses/supervised_contrastive.h"
#include "mil/training/ins_learner_module.h"
#include "mil/training/process_group.h"
#include "mil/training/projection_module.h"

namespace golden {
namespace {

constexpr Tolerance kCommon{1e-5, 1e-5};
constexpr Tolerance kDouble{1e-9, 0};
constexpr double kGradientFactor = 5;
constexpr double kInsTemperature = 0.07;

void load_linear(const GoldenCase& golden, const std::string& prefix, const torch::nn::Linear& layer) {
  const at::NoGradGuard no_gradients;
  layer->weight.copy_(golden.load(prefix + "weight"));
  layer->bias.copy_(golden.load(prefix + "bias"));
}

/// Layers by their official names.
std::vector<std::pair<std::string, torch::nn::Linear>> layers_of(const mil::InsNetwork& network) {
  return {{"encoder.0.", network.classifier->embedding},
          {"fc.", network.classifier->classifier},
          {"head.0.", network.projection->hidden},
          {"head.2.", network.projection->output}};
}

std::shared_ptr<mil::InsNetwork> make_ins_network(const GoldenCase& golden) {
  mil::InsShape shape;
  shape.embed_dim = golden.load("q0.encoder.0.weight").size(0);
  shape.input_dim = golden.load("q0.encoder.0.weight").size(1);
  shape.dropout = 0;
  auto network = std::make_shared<mil::InsNetwork>(std::make_shared<mil::InsModule>(shape), shape.embed_dim,
                                                   golden.load("q0.head.2.weight").size(0));
  for (const auto& [name, layer] : layers_of(*network)) load_linear(golden, "q0." + name, layer);
  return network;
}

void expect_ins_weights(GoldenCase& golden, const std::string& prefix, const mil::InsNetwork& network) {
  for (const auto& [name, layer] : layers_of(network)) {
    golden.expect_close(prefix + name + "weight", layer->weight, kCommon);
    golden.expect_close(prefix + name + "bias", layer->bias, kCommon);
  }
}

}  // namespace

void check_supcon(GoldenCase& golden) {
  const auto features = golden.load("features").requires_grad_();
  const auto labels = golden.load("labels");
  mil::SupervisedContrastOptions options{.temperature = golden.number("temperature_f64"),
                                         .base_temperature = std::nullopt,
                                         .lone_anchors = mil::LoneAnchors::count_as_zero};
  const auto loss = mil::supervised_contrast(features, labels, options);
  loss.backward();
  golden.expect_close("loss", loss, kCommon);
  golden.expect_close("grad_features", features.grad(), kCommon.times(kGradientFactor));
  options.base_temperature = 0.07;
  golden.expect_close("loss_base007", mil::supervised_contrast(features, labels, options), kCommon);
}

/// Our reconstruction of SC-MIL's loss: contrast of the projected, cross-entropy of the plain embedding.
void check_scmil_joint(GoldenCase& golden) {
  const auto embeddings = golden.load("bag_emb").requires_grad_();
  const auto labels = golden.load("labels");
  const auto beta = golden.number("beta_f64");
  mil::ProjectionModule projection(embeddings.size(1), golden.load("proj.2.weight").size(0));
  load_linear(golden, "proj.0.", projection.hidden);
  load_linear(golden, "proj.2.", projection.output);

  const auto contrast = mil::supervised_contrast(projection.forward(embeddings), labels,
                                                 {.temperature = golden.number("temperature_f64"),
                                                  .base_temperature = std::nullopt,
                                                  .lone_anchors = mil::LoneAnchors::count_as_zero});
  const auto ce = torch::nn::functional::cross_entropy(
      at::linear(embeddings, golden.load("head.weight"), golden.load("head.bias")), labels);
  const auto total = beta * contrast + (1 - beta) * ce;
  total.backward();

  golden.expect_close("scl", contrast, kCommon);
  golden.expect_close("ce", ce, kCommon);
  golden.expect_close("total", total, kCommon);
  golden.expect_close("grad_bag_emb", embeddings.grad(), kCommon.times(kGradientFactor));
}

void check_ins_moco(GoldenCase& golden) {
  const auto features = golden.load("features").requires_grad_();
  const auto batch = golden.integers("batch_size").front();
  const auto loss =
      mil::queue_contrast(features.narrow(0, 0, batch), features.narrow(0, batch, batch),
                          features.narrow(0, 2 * batch, features.size(0) - 2 * batch), kInsTemperature);
  loss.backward();
  golden.expect_close("loss", loss, kCommon);
  golden.expect_close("grad_features", features.grad(), kCommon.times(kGradientFactor));
}

void check_ins_supcon_masked(GoldenCase& golden) {
  const auto features = golden.load("features").requires_grad_();
  const auto loss = mil::pseudo_label_contrast(features, golden.load("pseudo_label").to(at::kLong),
                                               golden.integers("batch_size").front(), kInsTemperature);
  loss.backward();
  golden.expect_close("loss", loss, kCommon);
  golden.expect_close("grad_features", features.grad(), kCommon.times(kGradientFactor));
}

/// Whole steps of training, the first one in the warm-up; the gradients of one of them are stored.
void check_ins_step(GoldenCase& golden) {
  constexpr double kEpochs = 40, kEpochsPerStep = 10;
  const auto query = make_ins_network(golden);
  const auto confidence = golden.load("confidence0");
  const auto queue = golden.load("queue0");
  const mil::InsConstants constants{.temperature = kInsTemperature,
                                    .contrast_weight = 0.5,
                                    .bag_weight = 0,
                                    .learning_rate = 0.01,
                                    .weight_decay = 1e-3};
  mil::InsLearnerModule learner(query, make_ins_network(golden), query->classifier->embedding->weight.size(0),
                                queue.size(1), queue.size(0), confidence, constants);
  learner.queue.copy_(queue);
  learner.queue_scores.copy_(golden.load("queue_pseudo0"));
  learner.queue_place[1] = queue.size(0);
  learner.prototypes.copy_(golden.load("prototypes0"));
  const auto process = mil::make_single_process();

  double confidence_momentum = 0.8;
  int number = 0;
  for (; golden.has(fmt::format("s{}_xw", number)); ++number) {
    const auto prefix = fmt::format("s{}_", number);
    const auto step = learner.step({.weak = golden.load(prefix + "xw"),
                                    .strong = golden.load(prefix + "xs"),
                                    .index = golden.load(prefix + "index").to(at::kLong),
                                    .candidates = golden.load(prefix + "Y").to(at::kFloat),
                                    .first = 0,
                                    .is_warm_up = number == 0,
                                    .confidence_momentum = confidence_momentum},
                                   *process);
    golden.expect_close(prefix + "logits", step.logits, kCommon);
    golden.expect_close(prefix + "features", step.features, kCommon);
    golden.expect_close(prefix + "pseudo_scores", step.pseudo_scores, kCommon);
    golden.expect_close(prefix + "score_prot", step.prototype_scores, kCommon);
    golden.expect_close(prefix + "loss_cls", at::scalar_tensor(step.class_loss), kCommon);
    golden.expect_close(prefix + "loss_cont", at::scalar_tensor(step.contrast_loss), kCommon);
    golden.expect_close(prefix + "loss", at::scalar_tensor(step.loss), kCommon);
    golden.expect_close(prefix + "prototypes", learner.prototypes, kCommon);
    golden.expect_close(prefix + "confidence", learner.confidence, kCommon);
    golden.expect_close(prefix + "queue_ptr", learner.queue_place[0].to(at::kDouble), kCommon);
    if (golden.has(prefix + "grad.fc.weight")) {
      for (const auto& [name, layer] : layers_of(*query)) {
        const auto stored = prefix + "grad." + name;
        golden.expect_close(stored + "weight", layer->weight.grad(), kCommon.times(kGradientFactor));
        golden.expect_close(stored + "bias", layer->bias.grad(), kCommon.times(kGradientFactor));
      }
    }
    confidence_momentum = mil::confidence_momentum_after(kEpochsPerStep * (number + 1), kEpochs);
    golden.expect_close(prefix + "conf_ema_m_next_f64", at::scalar_tensor(confidence_momentum, at::kDouble),
                        kDouble);
  }
  if (number == 0) throw imaging::Error(imaging::ErrorCode::not_found, "The case has no step.");
  expect_ins_weights(golden, "q_end.", *query);
  expect_ins_weights(golden, "k_end.", *learner.key);
  golden.expect_close("queue_end", learner.queue, kCommon);
  golden.expect_close("queue_pseudo_end", learner.queue_scores, kCommon);
}

}  // namespace golden
