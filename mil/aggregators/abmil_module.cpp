#include "mil/aggregators/abmil_module.h"

#include <torch/nn/functional.h>
#include <torch/nn/init.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace mil {
namespace {

/// Rows embedded at a time: 16 MB of embeddings. Smaller chunks lose more to the threads meeting than they
/// gain in the cache.
constexpr std::int64_t kChunkRows = 8192;

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

/// out = input W^T + b, in place.
void linear_out(at::Tensor out, const at::Tensor& input, const torch::nn::Linear& layer) {
  const auto weight = layer->weight.t();
  if (layer->bias.defined()) {
    at::addmm_out(out, layer->bias, input, weight);
  } else {
    at::mm_out(out, input, weight);
  }
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
  output.embedding = pooled.squeeze(0);
  return output;
}

AggregatorOutput AbmilModule::infer(const at::Tensor& features) {
  const c10::InferenceMode guard;
  const auto device = embedding->weight.device();
  const auto count = features.size(0);
  const auto rows = std::min(count, kChunkRows);
  const auto options = at::TensorOptions().dtype(at::kFloat).device(device);
  const auto embedded_buffer = at::empty({rows, options_.embed_dim}, options);
  const auto hidden_buffer = at::empty({rows, options_.attention_dim}, options);
  const auto gate_buffer = options_.gated ? at::empty({rows, options_.attention_dim}, options) : at::Tensor();
  AggregatorOutput output;
  output.raw_scores = at::empty({count, 1}, options);
  // Per chunk: largest score, sum of exponentials above it, and the sum of embeddings weighted by them.
  std::vector<at::Tensor> peaks, sums, pools;
  for (std::int64_t first = 0; first < count; first += rows) {
    const auto size = std::min(rows, count - first);
    auto embedded = embedded_buffer.narrow(0, 0, size);
    auto hidden = hidden_buffer.narrow(0, 0, size);
    auto raw = output.raw_scores.narrow(0, first, size);
    linear_out(embedded, features.narrow(0, first, size).to(device), embedding);
    activate_(embedded, options_.activation);
    linear_out(hidden, embedded, attention->a);
    activate_(hidden, options_.attention_activation);
    if (options_.gated) {
      auto gate = gate_buffer.narrow(0, 0, size);
      linear_out(gate, embedded, attention->b);
      hidden.mul_(gate.sigmoid_());
    }
    linear_out(raw, hidden, attention->c);
    const auto peak = raw.max();
    const auto weights = (raw - peak).exp_();
    peaks.push_back(peak);
    sums.push_back(weights.sum());
    pools.push_back(at::mm(weights.t(), embedded));
  }
  const auto peak = at::stack(peaks);
  const auto scale = (peak - peak.max()).exp_();
  const auto total = at::dot(scale, at::stack(sums));
  const auto pooled = at::mm(scale.unsqueeze(0), at::cat(pools)).div_(total);
  output.scores = output.raw_scores.softmax(0);
  output.logits = classifier->forward(pooled).squeeze(0);
  output.embedding = pooled.squeeze(0);
  return output;
}

}  // namespace mil
