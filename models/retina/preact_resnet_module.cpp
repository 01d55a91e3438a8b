#include "models/retina/preact_resnet_module.h"

#include <fmt/format.h>

namespace models {
namespace {

namespace nn = torch::nn;

nn::Conv2d make_conv(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride) {
  nn::Conv2d conv(nn::Conv2dOptions(in, out, kernel).stride(stride).padding(kernel / 2).bias(false));
  nn::init::kaiming_normal_(conv->weight, 0, torch::kFanOut, torch::kReLU);
  return conv;
}

}  // namespace

PreactBlockImpl::PreactBlockImpl(std::int64_t in_channels, std::int64_t channels, std::int64_t stride,
                                 bool has_down)
    : entry_(in_channels), path_(3) {
  path_[0].conv = make_conv(in_channels, channels, 1, 1);
  path_[0].norm = nn::BatchNorm2d(channels);
  path_[1].conv = make_conv(channels, channels, 3, stride);
  path_[1].norm = nn::BatchNorm2d(channels);
  path_[2].conv = make_conv(channels, channels * 4, 1, 1);
  register_module("bn1", entry_);
  register_module("conv1", path_[0].conv);
  register_module("bn2", path_[0].norm);
  register_module("conv2", path_[1].conv);
  register_module("bn3", path_[1].norm);
  register_module("conv3", path_[2].conv);
  if (has_down) {
    shortcut_.conv = make_conv(in_channels, channels * 4, 1, stride);
    register_module("down", shortcut_.conv);
  }
}

torch::Tensor PreactBlockImpl::forward(const torch::Tensor& x) {
  const auto h = entry_->forward(x).relu_();
  auto y = path_[1](path_[0](h).relu_()).relu_();
  y = path_[2](y);
  y += shortcut_.conv ? shortcut_(h) : x;
  return y;
}

std::vector<ConvNorm*> PreactBlockImpl::parts() {
  std::vector<ConvNorm*> all;
  for (auto& part : path_) all.push_back(&part);
  if (shortcut_.conv) all.push_back(&shortcut_);
  return all;
}

PreactResNetImpl::PreactResNetImpl(std::int64_t width, std::array<std::int64_t, 3> layers)
    : width_(width), input_norm_(3), post_(width * 16) {
  register_module("bn0", input_norm_);
  stem_.conv = make_conv(3, width, 7, 2);
  stem_.norm = nn::BatchNorm2d(width);
  register_module("conv0", stem_.conv);
  register_module("bn1", stem_.norm);
  auto in_channels = width;
  for (std::size_t stage = 0; stage < layers.size(); ++stage) {
    nn::Sequential layer;
    const auto channels = width << stage;
    for (std::int64_t i = 0; i < layers[stage]; ++i) {
      blocks_.emplace_back(in_channels, channels, stage > 0 && i == 0 ? 2 : 1, /*has_down=*/i == 0);
      in_channels = channels * 4;
      layer->push_back(blocks_.back());
    }
    register_module(fmt::format("s{}", stage + 1), layer);
  }
  register_module("post", post_);
}

torch::Tensor PreactResNetImpl::forward_map(const torch::Tensor& x) {
  const auto y = late(early(is_onednn_ ? x.to_mkldnn() : x, 0), 0);
  return is_onednn_ ? y.to_dense() : y;
}

torch::Tensor PreactResNetImpl::early(const torch::Tensor& x, std::size_t blocks) {
  auto y = stem_(input_norm_->forward(x)).relu_();
  y = torch::max_pool2d(y, {3, 3}, {2, 2}, {1, 1});
  for (std::size_t i = 0; i < blocks; ++i) y = blocks_[i]->forward(y);
  return y;
}

torch::Tensor PreactResNetImpl::late(const torch::Tensor& early_map, std::size_t blocks) {
  auto y = early_map;
  for (auto i = blocks; i < blocks_.size(); ++i) y = blocks_[i]->forward(y);
  return post_->forward(y).relu_();
}

void PreactResNetImpl::prepare_for_inference() {
  const torch::NoGradGuard no_grad;
  eval();
  is_onednn_ = stem_.conv->weight.device().is_cpu() && at::globalContext().hasMKLDNN();
  std::vector<ConvNorm*> all{&stem_};
  for (auto& block : blocks_) {
    for (auto* part : block->parts()) all.push_back(part);
  }
  for (auto* part : all) {
    part->fold();
    if (is_onednn_) part->use_onednn_layout();
  }
}

}  // namespace models
