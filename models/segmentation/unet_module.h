#pragma once

#include <torch/nn.h>

#include <vector>

#include "models/encoders/resnet_module.h"
#include "models/runtime/module_state.h"
#include "models/segmentation/unet_arguments.h"

namespace models {

/// Two 3 x 3 convolutions, each with its norm and ReLU: submodules conv1, bn1, conv2, bn2.
class DoubleConvImpl : public torch::nn::Module {
 public:
  DoubleConvImpl(std::int64_t in, std::int64_t out, bool has_instance_norm);
  [[nodiscard]] torch::Tensor forward(const torch::Tensor& x);
  void fold();

 private:
  ConvNorm first_, second_;
};
TORCH_MODULE(DoubleConv);

/// 2-D U-Net [ronneberger2015] with a norm after each convolution: per level two 3 x 3 convolutions, 2 x 2
/// max-pooling down, 2 x 2 transposed convolutions up, concatenated skips, a 1 x 1 convolution to the maps.
///
/// @par Threads  One caller at a time.
class UNetImpl : public torch::nn::Module {
 public:
  UNetImpl(const UNetArguments& arguments, std::int64_t channels, std::int64_t maps);

  /// @param x  [B, channels, H, W] float32, H and W multiples of `size_multiple()`
  /// @return   [B, maps, H, W] logits
  [[nodiscard]] torch::Tensor forward(const torch::Tensor& x);

  /// Folds batch norms into the convolutions. The network can then neither be trained, adapted nor saved.
  void prepare_for_inference();

 private:
  std::vector<DoubleConv> down_, up_;  ///< `up_` from the deepest
  std::vector<torch::nn::ConvTranspose2d> enlarge_;
  torch::nn::Conv2d head_{nullptr};
};
TORCH_MODULE(UNet);

}  // namespace models
