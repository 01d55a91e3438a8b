#pragma once

#include "mil/aggregators/layers_module.h"

namespace mil {

/// Mean or max pooling of the instances' logits, by class.
///
/// Parameters by name: embedding [D, F], classifier [C, D]. The bag's embedding is what gives its logits: the
/// mean of the embedded tiles [1, D] or, for max, each class's critical tile [C, D].
///
/// @par Reference  [tang2023], whose mean model takes 192 features whatever they are; here it takes F.
class PoolingModule : public EmbeddingAggregator {
 public:
  enum class Kind { mean, max };

  /// @throws imaging::Error  `invalid_argument` if an option is out of range.
  PoolingModule(const AggregatorShape& shape, Kind kind);

  [[nodiscard]] AggregatorOutput forward(const at::Tensor& features) override;
  [[nodiscard]] AggregatorOutput infer(const at::Tensor& features) override;
  [[nodiscard]] std::string score_kind() const override { return "probability"; }
  [[nodiscard]] std::int64_t embedding_size() const override;

  torch::nn::Linear classifier{nullptr};

 private:
  Kind kind_;
};

}  // namespace mil
