#pragma once

#include <torch/nn/modules/linear.h>

#include "mil/aggregators/abmil_options.h"
#include "mil/aggregators/aggregator_module.h"

namespace mil {

/// Scores of instances by a small network: c(act(a h)) or, gated, c(act(a h) * sigmoid(b h)).
///
/// @par Reference  [ilse2018]
class AttentionScorer : public torch::nn::Module {
 public:
  /// Uses embed_dim, attention_dim, gated, attention_bias, attention_activation and attention_dropout.
  explicit AttentionScorer(const AbmilOptions& options);

  /// @param embedded  [N, D]
  /// @return          [N, 1], before the softmax
  [[nodiscard]] at::Tensor forward(const at::Tensor& embedded);
  /// The same without gradients or dropout; may run in several threads at once.
  [[nodiscard]] at::Tensor infer(const at::Tensor& embedded);

  torch::nn::Linear a{nullptr}, b{nullptr}, c{nullptr};  ///< b is empty where not gated

 private:
  std::string activation_;
  double dropout_;
};

/// Attention-based pooling: one network for MHIM's base and for CLAM's attention with a bag classifier.
///
/// Parameters by name: embedding [D, F], attention.a [A, D], attention.b [A, D] where gated, attention.c [1,
/// A], classifier [C, D].
///
/// @par Reference  [ilse2018], [lu2021], [tang2023]
class AbmilModule : public AggregatorModule {
 public:
  /// Weights are drawn from torch's generator, as options.initialisation says.
  /// @throws imaging::Error  `invalid_argument` if an option is out of range.
  explicit AbmilModule(const AbmilOptions& options);

  [[nodiscard]] AggregatorOutput forward(const at::Tensor& features) override;
  [[nodiscard]] AggregatorOutput infer(const at::Tensor& features) override;
  [[nodiscard]] std::string score_kind() const override { return "attention"; }
  [[nodiscard]] std::int64_t embedding_size() const override { return options_.embed_dim; }

  torch::nn::Linear embedding{nullptr}, classifier{nullptr};
  std::shared_ptr<AttentionScorer> attention;

 private:
  AbmilOptions options_;
};

/// Pools by softmax over instances. @param raw_scores [N, K] @return [K, D]
[[nodiscard]] at::Tensor attention_pool(const at::Tensor& embedded, const at::Tensor& raw_scores);

}  // namespace mil
