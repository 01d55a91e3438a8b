#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <string>

namespace mil {

/// The loss of one row of logits [C] against a class: cross-entropy, weighted or focal.
using LogitLoss = std::function<at::Tensor(const at::Tensor& logits, std::int64_t label)>;

/// What an aggregator makes of one bag of N instances, C classes and K scores per tile.
struct AggregatorOutput {
  at::Tensor logits;      ///< [C], of the bag's own classifier
  at::Tensor embedding;   ///< [R, D], the pooled bag: one row, or a row per class (DSMIL, CLAM-MB)
  at::Tensor raw_scores;  ///< [N, K], before the softmax over tiles
  at::Tensor scores;      ///< [N, K], as stored and painted (DESIGN.md, "Tile scores")
  at::Tensor
      instance_logits;     ///< [N, C] where instances are classified too (mean, max, DSMIL), else undefined
  at::Tensor mask_scores;  ///< [H, N], what MHIM masks by, a row per head; undefined where it cannot
  at::Tensor embedded;  ///< [N, D], the tiles, where `loss` asks for them (CLAM's `forward`), else undefined
};

/// A trainable map from a bag of features to logits. Knows no files and no classes' names. Its first layer,
/// the embedding of tiles, is the submodule `embedding`.
///
/// @par Threads  One caller at a time.
class AggregatorModule : public torch::nn::Module {
 public:
  /// With gradients and, in train mode, dropout drawn from torch's generator.
  /// @param features  [N, F] float32 on the module's device, N >= 1. To mask instances, pass the kept rows.
  [[nodiscard]] virtual AggregatorOutput forward(const at::Tensor& features) = 0;

  /// Without gradients and dropout, and in as little memory as the base allows. Agrees with `forward` in eval
  /// mode to rounding.
  /// @param features  [N, F] float32, N >= 1, on the CPU or the module's device.
  [[nodiscard]] virtual AggregatorOutput infer(const at::Tensor& features) = 0;

  [[nodiscard]] virtual std::string score_kind() const = 0;

  /// Numbers in `AggregatorOutput::embedding`: R * D.
  [[nodiscard]] virtual std::int64_t embedding_size() const = 0;

  /// The base's own training loss of a bag: `logit_loss` of the bag's logits unless the base mixes in its
  /// instances (DSMIL, CLAM).
  [[nodiscard]] virtual at::Tensor loss(const AggregatorOutput& output, std::int64_t label,
                                        const LogitLoss& logit_loss) {
    return logit_loss(output.logits, label);
  }

  /// The logits that a prediction is read from, [C]: their softmax is the base's probability.
  [[nodiscard]] virtual at::Tensor decision_logits(const AggregatorOutput& output) const {
    return output.logits;
  }
};

}  // namespace mil
