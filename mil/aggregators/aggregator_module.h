#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <string>

namespace mil {

/// What an aggregator makes of one bag of N instances, C classes and K scores per tile.
struct AggregatorOutput {
  at::Tensor logits;      ///< [C]
  at::Tensor embedding;   ///< [D], the pooled bag
  at::Tensor raw_scores;  ///< [N, K], before the softmax over tiles
  at::Tensor scores;      ///< [N, K], as stored and painted (DESIGN.md, "Tile scores")
};

/// A trainable map from a bag of features to logits. Knows no files and no classes' names.
///
/// @par Threads  One caller at a time.
class AggregatorModule : public torch::nn::Module {
 public:
  /// With gradients and, in train mode, dropout.
  /// @param features  [N, F] float32 on the module's device, N >= 1. To mask instances, pass the kept rows.
  [[nodiscard]] virtual AggregatorOutput forward(const at::Tensor& features) = 0;

  /// Without gradients and dropout, in memory that does not grow with N but for the scores. Agrees with
  /// `forward` in eval mode to rounding.
  /// @param features  [N, F] float32, N >= 1, on the CPU or the module's device.
  [[nodiscard]] virtual AggregatorOutput infer(const at::Tensor& features) = 0;

  [[nodiscard]] virtual std::string score_kind() const = 0;
};

}  // namespace mil
