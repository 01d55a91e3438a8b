#pragma once

#include "mil/aggregators/ins_shape.h"
#include "mil/aggregators/layers_module.h"

namespace mil {

/// The instance classifier that INS trains: every tile is embedded and classified by itself, and the mean (or
/// the largest) probability of class 1 is the bag's.
///
/// A slide with few positive tiles has a small mean, so the bag's log-odds are those of that probability on a
/// line, `bag_line`, fitted to the training bags' labels; it rises, so the bags' order stays the mean's.
/// Class 0 is the negative one, and there are two.
///
/// Parameters by name: embedding [D, F], classifier [2, D]. Buffer: bag_line [2], slope and offset.
///
/// @par Reference  [qu2024]
class InsModule : public EmbeddingAggregator {
 public:
  /// @throws imaging::Error  `invalid_argument` where there are not two classes or an option is out of range.
  explicit InsModule(const InsShape& shape);

  [[nodiscard]] AggregatorOutput forward(const at::Tensor& features) override;
  [[nodiscard]] AggregatorOutput infer(const at::Tensor& features) override;
  [[nodiscard]] std::string score_kind() const override { return "instance_probability"; }
  [[nodiscard]] std::int64_t embedding_size() const override { return shape().embed_dim; }

  using EmbeddingAggregator::embed;
  /// Log-odds of the bag's probability before `bag_line`. @param instance_logits [N, 2] @return scalar
  [[nodiscard]] at::Tensor pooled_log_odds(const at::Tensor& instance_logits) const;

  torch::nn::Linear classifier{nullptr};
  at::Tensor bag_line;

 private:
  void finish(AggregatorOutput& output) const;
  bool is_max_;
};

}  // namespace mil
