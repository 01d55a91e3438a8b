#pragma once

#include <torch/nn.h>

#include <vector>

#include "models/encoders/resnet_module.h"

namespace models {

/// Bottleneck block that normalises before it convolves: h = relu(bn1 x); conv1, bn2, conv2 (stride), bn3,
/// conv3 of h, plus x, or `down` of h where the shape changes.
class PreactBlockImpl : public torch::nn::Module {
 public:
  PreactBlockImpl(std::int64_t in_channels, std::int64_t channels, std::int64_t stride, bool has_down);
  [[nodiscard]] torch::Tensor forward(const torch::Tensor& x);
  [[nodiscard]] std::vector<ConvNorm*> parts();

 private:
  torch::nn::BatchNorm2d entry_;
  std::vector<ConvNorm> path_;
  ConvNorm shortcut_;  ///< empty where the input fits as it is
};
TORCH_MODULE(PreactBlock);

/// Pre-activation ResNet (v2) of bottleneck blocks up to stage 3, with the normalisation that stage 4 would
/// begin with, as the ONNX Model Zoo's resnet50-v2-7: its input is normalised once more without scale. Names
/// are bn0, conv0, bn1, s<stage>.<block>.{bn1,conv1,bn2,conv2,bn3,conv3,down}, post.
///
/// @par Threads    One caller at a time.
/// @par Reference  [he2016identity]
class PreactResNetImpl : public torch::nn::Module {
 public:
  /// @param width   channels of the stem
  /// @param layers  blocks of stages 1 to 3
  PreactResNetImpl(std::int64_t width, std::array<std::int64_t, 3> layers);

  [[nodiscard]] std::int64_t dim() const { return width_ * 16; }
  /// @param x  [B, 3, H, W] float32
  /// @return   [B, dim, H / 16, W / 16]
  [[nodiscard]] torch::Tensor forward_map(const torch::Tensor& x);
  /// Stem and the first `blocks` residual blocks; `late` is the rest. Not after prepare_for_inference.
  [[nodiscard]] torch::Tensor early(const torch::Tensor& x, std::size_t blocks);
  [[nodiscard]] torch::Tensor late(const torch::Tensor& early_map, std::size_t blocks);

  /// Folds what batch normalisation follows a convolution, and on the CPU puts the weights in oneDNN's
  /// layout. The network can then neither be trained nor saved.
  void prepare_for_inference();
  /// Whether the convolutions run in oneDNN's layout, in which a picture's map has the same bits in any
  /// batch.
  [[nodiscard]] bool is_onednn() const { return is_onednn_; }

 private:
  std::int64_t width_;
  torch::nn::BatchNorm2d input_norm_;
  ConvNorm stem_;
  std::vector<PreactBlock> blocks_;
  torch::nn::BatchNorm2d post_;
  bool is_onednn_ = false;
};
TORCH_MODULE(PreactResNet);

}  // namespace models
