#include "mil/aggregators/layers_module.h"

#include <ATen/Parallel.h>
#include <torch/nn/init.h>

#include <algorithm>

#include "mil/aggregators/relu_dropout.h"

namespace mil {
namespace {

/// Rows that one thread embeds at a time: 2 MB of embeddings stay in its cache.
constexpr std::int64_t kChunkRowsCpu = 1024;
/// On an accelerator larger products pay.
constexpr std::int64_t kChunkRowsDevice = 8192;

std::int64_t chunk_rows(const at::Device& device) {
  return device.is_cpu() ? kChunkRowsCpu : kChunkRowsDevice;
}

}  // namespace

torch::nn::Linear make_linear(std::int64_t in, std::int64_t out, bool has_bias) {
  return torch::nn::Linear(torch::nn::LinearOptions(in, out).bias(has_bias));
}

at::Tensor& activate_(at::Tensor& values, const std::string& name) {
  if (name == "relu") return values.relu_();
  if (name == "tanh") return values.tanh_();
  return at::gelu_(values);
}

at::Tensor activate(const at::Tensor& values, const std::string& name) {
  if (name == "relu") return values.relu();
  if (name == "tanh") return values.tanh();
  return at::gelu(values);
}

void initialise_xavier(torch::nn::Module& module) {
  for (const auto& child : module.modules(/*include_self=*/false)) {
    auto* linear = child->as<torch::nn::Linear>();
    if (linear == nullptr) continue;
    torch::nn::init::xavier_normal_(linear->weight);
    if (linear->bias.defined()) torch::nn::init::zeros_(linear->bias);
  }
}

/// On the CPU it runs as a 1 x 1 convolution: oneDNN shares torch's threads, so it may be called from within
/// at::parallel_for, where OpenBLAS would wake a second pool.
at::Tensor apply_linear(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias) {
  const auto added = bias.defined() ? c10::optional<at::Tensor>(bias) : c10::nullopt;
  if (!input.is_cpu() || !at::hasMKLDNN()) return at::linear(input, weight, added);
  const auto image = input.t().unsqueeze(0).unsqueeze(3);  // [1, F, N, 1], channels last
  const auto kernel = weight.unsqueeze(2).unsqueeze(3);
  const auto output = at::mkldnn_convolution(image, kernel, added, /*padding=*/{0, 0}, /*stride=*/{1, 1},
                                             /*dilation=*/{1, 1}, /*groups=*/1);
  return output.squeeze(3).squeeze(0).t();
}

at::Tensor apply_linear(const at::Tensor& input, const torch::nn::Linear& layer) {
  return apply_linear(input, layer->weight, layer->bias);
}

at::Tensor attention_pool(const at::Tensor& embedded, const at::Tensor& raw_scores) {
  return at::mm(raw_scores.softmax(0).t(), embedded);
}

void for_row_chunks(std::int64_t count, const at::Device& device,
                    const std::function<void(std::int64_t, std::int64_t, std::int64_t)>& work) {
  const auto rows = chunk_rows(device);
  const auto chunk_count = (count + rows - 1) / rows;
  const auto run = [&](std::int64_t begin, std::int64_t end) {
    const c10::InferenceMode worker_guard;
    for (auto chunk = begin; chunk < end; ++chunk) {
      work(chunk, chunk * rows, std::min(rows, count - chunk * rows));
    }
  };
  if (device.is_cpu()) {
    at::parallel_for(0, chunk_count, /*grain_size=*/1, run);
  } else {
    run(0, chunk_count);
  }
}

PooledRows pool_in_chunks(std::int64_t count, std::int64_t score_count, std::int64_t width,
                          const at::Device& device,
                          const std::function<ScoredRows(std::int64_t first, std::int64_t rows)>& work) {
  const c10::InferenceMode guard;
  const auto chunk_count = (count + chunk_rows(device) - 1) / chunk_rows(device);
  const auto options = at::TensorOptions().dtype(at::kFloat).device(device);
  const auto raw_scores = at::empty({count, score_count}, options);
  // Per chunk: largest score, sum of exponentials below it, and the sum of values weighted by them.
  const auto peaks = at::empty({chunk_count, score_count}, options);
  const auto sums = at::empty({chunk_count, score_count}, options);
  const auto pools = at::empty({chunk_count, score_count, width}, options);
  for_row_chunks(count, device, [&](std::int64_t chunk, std::int64_t first, std::int64_t rows) {
    auto scored = work(first, rows);
    raw_scores.narrow(0, first, rows).copy_(scored.raw_scores);
    const auto peak = scored.raw_scores.amax(0);
    const auto weights = (scored.raw_scores - peak).exp_();
    peaks[chunk].copy_(peak);
    sums[chunk].copy_(weights.sum(0));
    for (std::int64_t k = 0; k < score_count; ++k) {
      const auto weight = weights.narrow(1, k, 1);
      const bool is_last = k + 1 == score_count;
      pools[chunk][k].copy_((is_last ? scored.values.mul_(weight) : scored.values * weight).sum(0));
    }
  });
  const auto scale = (peaks - peaks.amax(0)).exp_();
  auto pooled = (pools * scale.unsqueeze(2)).sum(0).div_((scale * sums).sum(0).unsqueeze(1));
  return {raw_scores, pooled};
}

AttentionScorer::AttentionScorer(const Options& options)
    : activation_(options.activation), dropout_(options.dropout) {
  a = register_module("a", make_linear(options.embed_dim, options.attention_dim, options.has_bias));
  if (options.gated)
    b = register_module("b", make_linear(options.embed_dim, options.attention_dim, options.has_bias));
  c = register_module("c", make_linear(options.attention_dim, options.score_count, options.has_bias));
}

at::Tensor AttentionScorer::forward(const at::Tensor& embedded) {
  const auto drop = [&](const at::Tensor& values) {
    return dropout_ > 0 && is_training() ? at::dropout(values, dropout_, true) : values;
  };
  auto hidden = drop(activate(a->forward(embedded), activation_));
  if (b) hidden = hidden * drop(b->forward(embedded).sigmoid());
  return c->forward(hidden);
}

at::Tensor AttentionScorer::infer(const at::Tensor& embedded) {
  auto hidden = apply_linear(embedded, a);
  activate_(hidden, activation_);
  if (b) hidden.mul_(apply_linear(embedded, b).sigmoid_());
  if (c->weight.size(0) > 1) return apply_linear(hidden, c);
  const auto scores = hidden.mul_(c->weight).sum(1, /*keepdim=*/true);
  return c->bias.defined() ? scores + c->bias : scores;
}

EmbeddingAggregator::EmbeddingAggregator(const AggregatorShape& shape) : shape_(shape) {
  imaging::check_options(shape);
  embedding = register_module("embedding", make_linear(shape.input_dim, shape.embed_dim));
}

at::Tensor EmbeddingAggregator::embed(const at::Tensor& features, std::int64_t first_row) {
  auto embedded = embedding->forward(features);
  if (shape_.dropout > 0 && is_training() && shape_.activation == "relu")
    return relu_dropout_(embedded, shape_.dropout, first_row * shape_.embed_dim);
  embedded = activate(embedded, shape_.activation);
  return shape_.dropout > 0 && is_training() ? at::dropout(embedded, shape_.dropout, true) : embedded;
}

at::Tensor EmbeddingAggregator::infer_rows(const at::Tensor& features, std::int64_t first,
                                           std::int64_t rows) {
  auto embedded = apply_linear(features.narrow(0, first, rows).to(device()), embedding);
  activate_(embedded, shape_.activation);
  return embedded;
}

at::Tensor EmbeddingAggregator::infer_all(const at::Tensor& features) {
  const c10::InferenceMode guard;
  const auto count = features.size(0);
  const auto embedded =
      at::empty({count, shape_.embed_dim}, at::TensorOptions().dtype(at::kFloat).device(device()));
  for_row_chunks(count, device(), [&](std::int64_t, std::int64_t first, std::int64_t rows) {
    embedded.narrow(0, first, rows).copy_(infer_rows(features, first, rows));
  });
  return embedded;
}

}  // namespace mil
