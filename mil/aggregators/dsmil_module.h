#pragma once

#include <torch/nn/modules/conv.h>

#include "mil/aggregators/dsmil_options.h"
#include "mil/aggregators/layers_module.h"

namespace mil {

/// Dual-stream MIL: instances are classified, and the bag is pooled by every tile's likeness to the critical
/// tile of each class.
///
/// Parameters by name: embedding [D, F], instance_classifier [C, D], query [Q, D], query_out [Q, Q] (variant
/// mhim), value [D, D] (not stand_alone), classifier [C, C, D]. The loss is 0.5 of the bag's and 0.5 of the
/// largest instance logits'; the probability likewise is the mean of both softmaxes, as in MHIM's evaluation.
///
/// @par Memory     `infer` keeps the embedded tiles, N D floats.
/// @par Reference  [li2021], [tang2023]
class DsmilModule : public EmbeddingAggregator {
 public:
  /// @throws imaging::Error  `invalid_argument` if an option is out of range.
  explicit DsmilModule(const DsmilOptions& options);

  [[nodiscard]] AggregatorOutput forward(const at::Tensor& features) override;
  [[nodiscard]] AggregatorOutput infer(const at::Tensor& features) override;
  /// The two streams. @param embedded  [N, D]
  [[nodiscard]] AggregatorOutput pool(const at::Tensor& embedded);
  [[nodiscard]] std::string score_kind() const override { return "attention"; }
  [[nodiscard]] std::int64_t embedding_size() const override {
    return shape().class_count * shape().embed_dim;
  }
  [[nodiscard]] at::Tensor loss(const AggregatorOutput& output, std::int64_t label,
                                const LogitLoss& logit_loss) override;
  [[nodiscard]] at::Tensor decision_logits(const AggregatorOutput& output) const override;

  torch::nn::Linear instance_classifier{nullptr}, query{nullptr}, query_out{nullptr}, value{nullptr};
  torch::nn::Conv1d classifier{nullptr};

 private:
  using Apply = at::Tensor (*)(const at::Tensor&, const torch::nn::Linear&);
  [[nodiscard]] at::Tensor queries(const at::Tensor& embedded, Apply linear) const;
  [[nodiscard]] at::Tensor values(const at::Tensor& embedded, Apply linear) const;
  void finish(AggregatorOutput& output);

  DsmilOptions options_;
};

}  // namespace mil
