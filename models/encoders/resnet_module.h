#pragma once

#include <torch/nn.h>

#include <vector>

#include "models/encoders/resnet_arguments.h"

namespace models {

/// A convolution and the batch normalisation behind it. Both are registered with the owner under
/// torchvision's names.
struct ConvNorm {
  torch::nn::Conv2d conv{nullptr};
  torch::nn::BatchNorm2d norm{nullptr};  ///< empty once folded into the convolution

  [[nodiscard]] torch::Tensor operator()(const torch::Tensor& x);
  void fold();
  void use_onednn_layout();
};

/// Basic or bottleneck residual block; the stride is on the 3 x 3 convolution.
class ResNetBlockImpl : public torch::nn::Module {
 public:
  ResNetBlockImpl(std::int64_t in_channels, std::int64_t channels, std::int64_t stride, bool is_bottleneck);
  [[nodiscard]] torch::Tensor forward(const torch::Tensor& x);
  [[nodiscard]] std::vector<ConvNorm*> parts();

 private:
  std::vector<ConvNorm> path_;
  ConvNorm shortcut_;  ///< empty where the input fits as it is
};
TORCH_MODULE(ResNetBlock);

/// ResNet backbone with torchvision's parameter names, without the classifier. [he2016]
///
/// @par Threads  One caller at a time.
class ResNetImpl : public torch::nn::Module {
 public:
  explicit ResNetImpl(const ResNetArguments& arguments);

  /// @param x  [B, 3, H, W] float32
  /// @return   [B, dim] float32, mean over the last stage's positions
  [[nodiscard]] torch::Tensor forward(const torch::Tensor& x);

  /// @param state  torchvision names; `fc.*`, `num_batches_tracked` and, if truncated, later stages are
  /// passed over
  /// @throws Error  `incompatible` naming the first tensor that is missing, unknown or of another shape
  void load(const TensorMap& state);
  [[nodiscard]] TensorMap state() const;

  /// Folds the normalisation into the convolutions and, on the CPU, puts the weights in oneDNN's blocked
  /// layout. The network can then neither be trained nor saved.
  void prepare_for_inference();

 private:
  [[nodiscard]] std::vector<ConvNorm*> parts();

  ResNetArguments arguments_;
  ConvNorm stem_;
  std::vector<ResNetBlock> blocks_;
  bool is_onednn_ = false;
};
TORCH_MODULE(ResNet);

}  // namespace models
