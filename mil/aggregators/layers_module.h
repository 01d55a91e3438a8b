#pragma once

#include <torch/nn/modules/linear.h>

#include <functional>
#include <memory>
#include <string>

#include "mil/aggregators/aggregator_module.h"
#include "mil/aggregators/aggregator_shape.h"

namespace mil {

// What the aggregators are built of.

[[nodiscard]] torch::nn::Linear make_linear(std::int64_t in, std::int64_t out, bool has_bias = true);

/// @param name  relu, gelu or tanh
[[nodiscard]] at::Tensor activate(const at::Tensor& values, const std::string& name);

/// The same in place.
at::Tensor& activate_(at::Tensor& values, const std::string& name);

/// A linear layer without gradients, which may be called from within `for_row_chunks`.
/// @param input  [N, F]
/// @param bias   may be undefined
/// @return       [N, D]
[[nodiscard]] at::Tensor apply_linear(const at::Tensor& input, const at::Tensor& weight,
                                      const at::Tensor& bias = {});
[[nodiscard]] at::Tensor apply_linear(const at::Tensor& input, const torch::nn::Linear& layer);

/// Every linear layer below `module`: Xavier-normal weights, zero biases. All else keeps PyTorch's start.
void initialise_xavier(torch::nn::Module& module);

/// Pools by softmax over instances. @param raw_scores [N, K] @return [K, D]
[[nodiscard]] at::Tensor attention_pool(const at::Tensor& embedded, const at::Tensor& raw_scores);

/// Calls `work(chunk, first row, rows)` for each chunk of `count` rows: on the CPU from torch's threads, each
/// with a chunk that stays in its cache.
void for_row_chunks(std::int64_t count, const at::Device& device,
                    const std::function<void(std::int64_t, std::int64_t, std::int64_t)>& work);

/// What a chunk of tiles is worth to a pooled bag.
struct ScoredRows {
  at::Tensor values;      ///< [n, D]; may be overwritten
  at::Tensor raw_scores;  ///< [n, K]
};

struct PooledRows {
  at::Tensor raw_scores;  ///< [N, K]
  at::Tensor pooled;      ///< [K, D], softmax-weighted means of the values
};

/// `attention_pool` without gradients, in one pass over chunks of rows.
/// @param count  N
/// @param shape  K and D
/// @param work   makes of `rows` rows from `first`; called from several threads
[[nodiscard]] PooledRows pool_in_chunks(
    std::int64_t count, std::int64_t score_count, std::int64_t width, const at::Device& device,
    const std::function<ScoredRows(std::int64_t first, std::int64_t rows)>& work);

/// Scores of instances by a small network: c(act(a h)) or, gated, c(act(a h) * sigmoid(b h)).
///
/// @par Reference  [ilse2018]
class AttentionScorer : public torch::nn::Module {
 public:
  struct Options {
    std::int64_t embed_dim = 512;
    std::int64_t attention_dim = 128;
    std::int64_t score_count = 1;  ///< K
    bool gated = false;
    bool has_bias = false;
    std::string activation = "relu";
    double dropout = 0;
  };
  explicit AttentionScorer(const Options& options);

  /// @param embedded  [N, D]
  /// @return          [N, K], before the softmax
  [[nodiscard]] at::Tensor forward(const at::Tensor& embedded);
  /// The same without gradients or dropout; may run in several threads at once.
  [[nodiscard]] at::Tensor infer(const at::Tensor& embedded);

  torch::nn::Linear a{nullptr}, b{nullptr}, c{nullptr};  ///< b is empty where not gated

 private:
  std::string activation_;
  double dropout_;
};

/// An aggregator whose tiles are embedded as h = dropout(act(W x + b)).
class EmbeddingAggregator : public AggregatorModule {
 public:
  torch::nn::Linear embedding{nullptr};

 protected:
  /// @throws imaging::Error  `invalid_argument` if an option of the shape is out of range.
  explicit EmbeddingAggregator(const AggregatorShape& shape);

  /// With gradients and dropout. @return [N, D]
  /// @param first_row  of `features` among the rows of all processes (relu_dropout_)
  [[nodiscard]] at::Tensor embed(const at::Tensor& features, std::int64_t first_row = 0);
  /// Without either, for some rows; may run in several threads at once.
  [[nodiscard]] at::Tensor infer_rows(const at::Tensor& features, std::int64_t first, std::int64_t rows);
  /// Without either, for all. @return [N, D]
  [[nodiscard]] at::Tensor infer_all(const at::Tensor& features);

  [[nodiscard]] at::Device device() const { return embedding->weight.device(); }
  [[nodiscard]] const AggregatorShape& shape() const { return shape_; }

 private:
  AggregatorShape shape_;
};

}  // namespace mil
