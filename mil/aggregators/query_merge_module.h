#pragma once

#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

namespace mil {

/// How much each tile speaks for any class: max_c softmax_c(W (a_n h_n) + b_0), MHIM v2's score to mask by.
/// The first bias goes to every class, as in the official code; the softmax does not see it.
/// @param embedded   [N, D]
/// @param attention  [N], after the softmax
/// @return           [1, N]
/// @par Reference    [tang2023], version 2
[[nodiscard]] at::Tensor class_aware_scores(const at::Tensor& embedded, const at::Tensor& attention,
                                            const torch::nn::Linear& classifier);

/// A few tokens in place of many tiles: cross-attention of global queries to them (MHIM v2).
///
/// Parameters by name: norm, to_q [H d, D], to_kv [2 H d, D], to_out [D, H d]; queries [k, D] is a buffer,
/// which no gradient reaches.
///
/// @par Reference  [tang2023], version 2
class QueryMerge : public torch::nn::Module {
 public:
  QueryMerge(std::int64_t width, std::int64_t query_count, std::int64_t heads = 8,
             std::int64_t head_dim = 64);

  /// @param tiles  [N, D], embedded  @return [k, D]
  [[nodiscard]] at::Tensor forward(const at::Tensor& tiles);

  torch::nn::LayerNorm norm{nullptr};
  torch::nn::Linear to_q{nullptr}, to_kv{nullptr}, to_out{nullptr};
  at::Tensor queries;

 private:
  std::int64_t heads_, head_dim_;
};

}  // namespace mil
