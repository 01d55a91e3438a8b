#include "mil/aggregators/query_merge_module.h"

#include <cmath>

#include "mil/aggregators/layers_module.h"

namespace mil {

at::Tensor class_aware_scores(const at::Tensor& embedded, const at::Tensor& attention,
                              const torch::nn::Linear& classifier) {
  const auto logits = at::linear(embedded * attention.unsqueeze(1), classifier->weight) + classifier->bias[0];
  return logits.softmax(1).amax(1).unsqueeze(0);
}

QueryMerge::QueryMerge(std::int64_t width, std::int64_t query_count, std::int64_t heads,
                       std::int64_t head_dim)
    : heads_(heads), head_dim_(head_dim) {
  norm = register_module("norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({width})));
  to_q = register_module("to_q", make_linear(width, heads * head_dim, /*has_bias=*/false));
  to_kv = register_module("to_kv", make_linear(width, 2 * heads * head_dim, /*has_bias=*/false));
  to_out = register_module("to_out", make_linear(heads * head_dim, width));
  queries = register_buffer("queries", at::zeros({query_count, width}));
}

at::Tensor QueryMerge::forward(const at::Tensor& tiles) {
  const auto by_head = [&](const at::Tensor& values) {
    return values.view({values.size(0), -1, heads_, head_dim_}).permute({1, 2, 0, 3});
  };
  const auto query = by_head(to_q->forward(norm->forward(queries)))[0];
  const auto key_value = by_head(to_kv->forward(norm->forward(tiles)));
  const auto scale = 1 / std::sqrt(static_cast<double>(head_dim_));
  const auto attention = (at::matmul(query, key_value[0].transpose(1, 2)) * scale).softmax(2);
  const auto merged = at::matmul(attention, key_value[1]).transpose(0, 1);
  return to_out->forward(merged.reshape({queries.size(0), heads_ * head_dim_}));
}

}  // namespace mil
