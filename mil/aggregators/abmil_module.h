#pragma once

#include "mil/aggregators/abmil_options.h"
#include "mil/aggregators/layers_module.h"

namespace mil {

/// Attention-based pooling: MHIM's base and the stand-alone ABMIL.
///
/// Parameters by name: embedding [D, F], attention.a [A, D], attention.b [A, D] where gated, attention.c [1,
/// A], classifier [C, D].
///
/// @par Reference  [ilse2018], [tang2023]
class AbmilModule : public EmbeddingAggregator {
 public:
  /// Weights are drawn from torch's generator, as options.initialisation says.
  /// @throws imaging::Error  `invalid_argument` if an option is out of range.
  explicit AbmilModule(const AbmilOptions& options);

  [[nodiscard]] AggregatorOutput forward(const at::Tensor& features) override;
  [[nodiscard]] AggregatorOutput infer(const at::Tensor& features) override;
  [[nodiscard]] std::string score_kind() const override { return "attention"; }
  [[nodiscard]] std::int64_t embedding_size() const override { return shape().embed_dim; }

  torch::nn::Linear classifier{nullptr};
  std::shared_ptr<AttentionScorer> attention;
};

}  // namespace mil
