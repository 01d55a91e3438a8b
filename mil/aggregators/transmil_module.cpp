#include "mil/aggregators/transmil_module.h"

#include <torch/nn/init.h>

#include <algorithm>
#include <cmath>
#include <optional>

namespace mil {
namespace {

constexpr std::int64_t kResidualKernel = 33;
constexpr std::int64_t kLeastSide = 7;
constexpr std::int64_t kDefaultHeads = 8;

/// The smallest side of a square that holds `count`.
std::int64_t square_side(std::int64_t count) {
  auto side = static_cast<std::int64_t>(std::sqrt(static_cast<double>(count)));
  while (side * side < count) ++side;
  return side;
}

at::Tensor repeat_first(const at::Tensor& rows, std::int64_t added) {
  return added == 0 ? rows : at::cat({rows, rows.narrow(0, 0, added)});
}

torch::nn::Conv2d make_depthwise(std::int64_t width, std::int64_t kernel) {
  return torch::nn::Conv2d(torch::nn::Conv2dOptions(width, width, kernel).padding(kernel / 2).groups(width));
}

/// Some heads' queries [h, r, d], keys and values [h, n, d], landmarks [h, m, d] and inverse [h, m, m].
struct Heads {
  at::Tensor q, k, v, landmark_q, landmark_k, inverse;
};

struct Mixed {
  at::Tensor values;     ///< [h, r, d]
  at::Tensor first_row;  ///< [h, n], of the first query
};

Mixed mix(const Heads& heads) {
  const auto to_landmarks = at::matmul(heads.q, heads.landmark_k.transpose(1, 2)).softmax(2);    // [h, r, m]
  const auto from_landmarks = at::matmul(heads.landmark_q, heads.k.transpose(1, 2)).softmax(2);  // [h, m, n]
  const auto row = at::matmul(to_landmarks.detach().narrow(1, 0, 1), heads.inverse.detach());
  return {at::matmul(to_landmarks, at::matmul(heads.inverse, at::matmul(from_landmarks, heads.v))),
          at::matmul(row, from_landmarks.detach()).squeeze(1)};
}

}  // namespace

at::Tensor iterative_pinv(const at::Tensor& matrices) {
  constexpr int kSteps = 6;
  const auto size = matrices.size(-1);
  const auto absolute = matrices.abs();
  auto inverse = matrices.transpose(-1, -2) / (absolute.sum(-1).max() * absolute.sum(-2).max());
  const auto identity = at::eye(size, matrices.options());
  for (int step = 0; step < kSteps; ++step) {
    const auto product = at::matmul(matrices, inverse);
    const auto inner = 15 * identity - at::matmul(product, 7 * identity - product);
    inverse = 0.25 * at::matmul(inverse, 13 * identity - at::matmul(product, inner));
  }
  return inverse;
}

NystromAttention::NystromAttention(std::int64_t width, std::int64_t heads, std::int64_t head_dim,
                                   std::int64_t landmarks, double dropout)
    : heads_(heads), head_dim_(head_dim), landmarks_(landmarks), dropout_(dropout) {
  to_qkv = register_module("to_qkv", make_linear(width, 3 * heads * head_dim, /*has_bias=*/false));
  to_out = register_module("to_out", make_linear(heads * head_dim, width));
  residual = register_module("residual",
                             torch::nn::Conv2d(torch::nn::Conv2dOptions(heads, heads, {kResidualKernel, 1})
                                                   .padding({kResidualKernel / 2, 0})
                                                   .groups(heads)
                                                   .bias(false)));
}

NystromAttention::Result NystromAttention::forward(const at::Tensor& tokens, Rows rows) {
  const auto count = tokens.size(0);
  const auto group = (count + landmarks_ - 1) / landmarks_;
  const auto length = group * landmarks_;
  const auto padding = length - count;
  const auto inner = heads_ * head_dim_;
  const auto padded = padding > 0 ? at::constant_pad_nd(tokens, {0, 0, padding, 0}) : tokens;
  const auto asking = rows == Rows::all ? tokens : tokens.narrow(0, 0, 1);
  const auto asked = asking.size(0);
  // Projections are linear without bias: those of the means are the means of the projections.
  const auto means = padded.view({landmarks_, group, -1}).mean(1);
  const auto project = [&](const at::Tensor& input, std::int64_t first, std::int64_t parts) {
    const auto output = at::linear(input, to_qkv->weight.narrow(0, first * inner, parts * inner));
    return output.view({-1, parts, heads_, head_dim_}).permute({1, 2, 0, 3});
  };
  const double scale = 1 / std::sqrt(static_cast<double>(head_dim_));
  const auto key_value = project(padded, 1, 2);
  const auto landmark = project(means, 0, 2);
  Heads heads{
      project(asking, 0, 1)[0] * scale, key_value[0], key_value[1], landmark[0] * scale, landmark[1], {}};
  heads.inverse = iterative_pinv(at::matmul(heads.landmark_q, heads.landmark_k.transpose(1, 2)).softmax(2));
  const bool is_inference = c10::InferenceMode::is_enabled();
  Mixed mixed;
  if (is_inference) {
    mixed = {at::empty({heads_, asked, head_dim_}, tokens.options()),
             at::empty({heads_, length}, tokens.options())};
    for (std::int64_t h = 0; h < heads_; ++h) {
      const auto one = [&](const at::Tensor& of_all) { return of_all.narrow(0, h, 1); };
      const auto head = mix({one(heads.q), one(heads.k), one(heads.v), one(heads.landmark_q),
                             one(heads.landmark_k), one(heads.inverse)});
      mixed.values[h].copy_(head.values[0]);
      mixed.first_row[h].copy_(head.first_row[0]);
    }
  } else {
    mixed = mix(heads);
  }
  const auto reach = kResidualKernel / 2;
  const auto begin = std::max<std::int64_t>(0, padding - reach);
  const auto end = std::min(length, padding + asked + reach);
  const auto local = residual->forward(heads.v.narrow(1, begin, end - begin).unsqueeze(0))
                         .squeeze(0)
                         .narrow(1, padding - begin, asked);
  auto out = to_out->forward((mixed.values + local).transpose(0, 1).reshape({asked, inner}));
  if (dropout_ > 0 && is_training() && !is_inference) out = at::dropout(out, dropout_, true);
  return {out, mixed.first_row.narrow(1, padding + 1, count - 1)};
}

PositionEncoding::PositionEncoding(std::int64_t width) {
  conv7 = register_module("conv7", make_depthwise(width, 7));
  conv5 = register_module("conv5", make_depthwise(width, 5));
  conv3 = register_module("conv3", make_depthwise(width, 3));
}

at::Tensor PositionEncoding::forward(const at::Tensor& tiles, bool has_least_side) {
  const auto count = tiles.size(0);
  const auto width = tiles.size(1);
  auto side = square_side(count);
  auto square = repeat_first(tiles, side * side - count);
  if (has_least_side && side < kLeastSide) {
    square = at::constant_pad_nd(square, {0, 0, 0, kLeastSide * kLeastSide - side * side});
    side = kLeastSide;
  }
  // The three convolutions and the identity are one convolution.
  const auto kernel = conv7->weight + at::constant_pad_nd(conv5->weight, {1, 1, 1, 1}) +
                      at::constant_pad_nd(conv3->weight, {2, 2, 2, 2});
  const auto bias = conv7->bias + conv5->bias + conv3->bias;
  const auto image = square.view({side, side, width}).permute({2, 0, 1}).unsqueeze(0);
  const auto moved = at::conv2d(image, kernel, bias, /*stride=*/1, /*padding=*/3, /*dilation=*/1, width);
  return tiles + moved.squeeze(0).permute({1, 2, 0}).reshape({side * side, width}).narrow(0, 0, count);
}

struct TransmilModule::Layer : public torch::nn::Module {
  explicit Layer(const TransmilOptions& options)
      : norm(register_module("norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({options.embed_dim})))),
        attention(register_module(
            "attention",
            std::make_shared<NystromAttention>(
                options.embed_dim, options.heads,
                options.head_dim > 0 ? options.head_dim : std::max<std::int64_t>(1, options.embed_dim / 8),
                options.landmarks > 0 ? options.landmarks : std::max<std::int64_t>(1, options.embed_dim / 2),
                options.attention_dropout))) {}

  torch::nn::LayerNorm norm;
  std::shared_ptr<NystromAttention> attention;
};

TransmilModule::TransmilModule(const TransmilOptions& options)
    : EmbeddingAggregator(options), options_(options) {
  imaging::check_options(options);
  class_token = register_parameter("class_token", at::randn({1, options.embed_dim}));
  layer1_ = register_module("layer1", std::make_shared<Layer>(options));
  position = register_module("position", std::make_shared<PositionEncoding>(options.embed_dim));
  layer2_ = register_module("layer2", std::make_shared<Layer>(options));
  norm = register_module("norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({options.embed_dim})));
  classifier = register_module("classifier", make_linear(options.embed_dim, options.class_count));
  if (options.initialisation != "xavier") return;
  initialise_xavier(*this);
  if (options.padding != "stand_alone") return;
  constexpr double kTokenDeviation = 1e-6;
  torch::nn::init::normal_(class_token, 0, kTokenDeviation);
  for (const auto& child : modules(/*include_self=*/false)) {
    auto* convolution = child->as<torch::nn::Conv2d>();
    if (convolution == nullptr) continue;
    torch::nn::init::xavier_normal_(convolution->weight);
    if (convolution->bias.defined()) torch::nn::init::zeros_(convolution->bias);
  }
}

AggregatorOutput TransmilModule::forward(const at::Tensor& features) {
  return attend(embed(features));
}

AggregatorOutput TransmilModule::infer(const at::Tensor& features) {
  const c10::InferenceMode guard;
  return attend(infer_all(features));
}

AggregatorOutput TransmilModule::attend(const at::Tensor& embedded) {
  const auto count = embedded.size(0);
  const bool is_internal = options_.padding == "internal";
  const auto side = square_side(count);
  const auto tiles = is_internal ? embedded : repeat_first(embedded, side * side - count);

  auto tokens = at::cat({class_token, tiles});
  const auto first = layer1_->attention->forward(layer1_->norm->forward(tokens), NystromAttention::Rows::all);
  tokens = tokens + first.tokens;
  tokens =
      at::cat({tokens.narrow(0, 0, 1), position->forward(tokens.narrow(0, 1, tiles.size(0)), is_internal)});
  const auto second =
      layer2_->attention->forward(layer2_->norm->forward(tokens), NystromAttention::Rows::first);

  AggregatorOutput output;
  output.embedding = norm->forward(tokens.narrow(0, 0, 1) + second.tokens);
  output.logits = classifier->forward(output.embedding).squeeze(0);
  output.raw_scores = second.first_row.narrow(1, 0, count).mean(0).unsqueeze(1);
  output.scores = output.raw_scores;
  output.mask_scores = (options_.mask_layer == 1 ? first : second).first_row.narrow(1, 0, count);
  return output;
}

}  // namespace mil
