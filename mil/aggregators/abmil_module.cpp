#include "mil/aggregators/abmil_module.h"

#include <ATen/Parallel.h>
#include <torch/nn/functional.h>
#include <torch/nn/init.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace mil {
namespace {

/// Rows that one thread embeds at a time: 2 MB of embeddings stay in its cache.
constexpr std::int64_t kChunkRowsCpu = 1024;
/// On an accelerator larger products pay.
constexpr std::int64_t kChunkRowsDevice = 8192;

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

/// The linear layer without gradients. On the CPU it runs as a 1 x 1 convolution: oneDNN shares torch's
/// threads, so it may be called from within at::parallel_for, where OpenBLAS would wake a second pool.
/// @param input  [N, F]
/// @return       [N, D]
at::Tensor apply_linear(const at::Tensor& input, const torch::nn::Linear& layer) {
  const auto bias = layer->bias.defined() ? c10::optional<at::Tensor>(layer->bias) : c10::nullopt;
  if (!input.is_cpu() || !at::hasMKLDNN()) return at::linear(input, layer->weight, bias);
  const auto image = input.t().unsqueeze(0).unsqueeze(3);  // [1, F, N, 1], channels last
  const auto kernel = layer->weight.unsqueeze(2).unsqueeze(3);
  const auto output = at::mkldnn_convolution(image, kernel, bias, /*padding=*/{0, 0}, /*stride=*/{1, 1},
                                             /*dilation=*/{1, 1}, /*groups=*/1);
  return output.squeeze(3).squeeze(0).t();
}

}  // namespace

AttentionScorer::AttentionScorer(const AbmilOptions& options)
    : activation_(options.attention_activation), dropout_(options.attention_dropout) {
  a = register_module("a", make_linear(options.embed_dim, options.attention_dim, options.attention_bias));
  if (options.gated) {
    b = register_module("b", make_linear(options.embed_dim, options.attention_dim, options.attention_bias));
  }
  c = register_module("c", make_linear(options.attention_dim, 1, options.attention_bias));
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
  const auto scores = hidden.mul_(c->weight).sum(1, /*keepdim=*/true);
  return c->bias.defined() ? scores + c->bias : scores;
}

at::Tensor attention_pool(const at::Tensor& embedded, const at::Tensor& raw_scores) {
  return at::mm(raw_scores.softmax(0).t(), embedded);
}

AbmilModule::AbmilModule(const AbmilOptions& options) : options_(options) {
  imaging::check_options(options);
  embedding = register_module("embedding", make_linear(options.input_dim, options.embed_dim, true));
  attention = register_module("attention", std::make_shared<AttentionScorer>(options));
  classifier = register_module("classifier", make_linear(options.embed_dim, options.class_count, true));
  if (options.initialisation == "xavier") initialise_xavier(*this);
}

AggregatorOutput AbmilModule::forward(const at::Tensor& features) {
  auto embedded = activate(embedding->forward(features), options_.activation);
  if (options_.dropout > 0 && is_training()) embedded = at::dropout(embedded, options_.dropout, true);
  AggregatorOutput output;
  output.raw_scores = attention->forward(embedded);
  output.scores = output.raw_scores.softmax(0);
  const auto pooled = at::mm(output.scores.t(), embedded);
  output.logits = classifier->forward(pooled).squeeze(0);
  output.embedding = pooled;
  output.mask_scores = output.scores.t();
  return output;
}

AggregatorOutput AbmilModule::infer(const at::Tensor& features) {
  const c10::InferenceMode guard;
  const auto device = embedding->weight.device();
  const auto count = features.size(0);
  const auto rows = device.is_cpu() ? kChunkRowsCpu : kChunkRowsDevice;
  const auto chunk_count = (count + rows - 1) / rows;
  const auto options = at::TensorOptions().dtype(at::kFloat).device(device);
  AggregatorOutput output;
  output.raw_scores = at::empty({count, 1}, options);
  // Per chunk: largest score, sum of exponentials below it, and the sum of embeddings weighted by them.
  const auto peaks = at::empty({chunk_count}, options);
  const auto sums = at::empty({chunk_count}, options);
  const auto pools = at::empty({chunk_count, options_.embed_dim}, options);
  const auto pool_chunks = [&](std::int64_t begin, std::int64_t end) {
    const c10::InferenceMode worker_guard;
    for (auto chunk = begin; chunk < end; ++chunk) {
      const auto first = chunk * rows;
      const auto size = std::min(rows, count - first);
      auto embedded = apply_linear(features.narrow(0, first, size).to(device), embedding);
      activate_(embedded, options_.activation);
      auto raw = output.raw_scores.narrow(0, first, size);
      raw.copy_(attention->infer(embedded));
      const auto peak = raw.max();
      const auto weights = (raw - peak).exp_();
      peaks[chunk].copy_(peak);
      sums[chunk].copy_(weights.sum());
      pools[chunk].copy_(embedded.mul_(weights).sum(0));
    }
  };
  if (device.is_cpu()) {
    at::parallel_for(0, chunk_count, /*grain_size=*/1, pool_chunks);
  } else {
    pool_chunks(0, chunk_count);
  }
  const auto scale = (peaks - peaks.max()).exp_();
  const auto pooled = (pools * scale.unsqueeze(1)).sum(0, /*keepdim=*/true).div_(at::dot(scale, sums));
  output.scores = output.raw_scores.softmax(0);
  output.logits = apply_linear(pooled, classifier).squeeze(0);
  output.embedding = pooled;
  output.mask_scores = output.scores.t();
  return output;
}

}  // namespace mil
