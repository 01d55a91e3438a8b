#pragma once

#include <torch/nn.h>

#include <vector>

#include "models/encoders/resnet_arguments.h"

namespace models {

/// Instance normalisation of the first half of the channels, batch normalisation of the rest: submodules `IN`
/// and `BN`. [pan2018], IBN-a
class InstanceBatchNormImpl : public torch::nn::Module {
 public:
  explicit InstanceBatchNormImpl(std::int64_t channels);
  [[nodiscard]] torch::Tensor forward(const torch::Tensor& x);

 private:
  std::int64_t half_;
  torch::nn::InstanceNorm2d instance_;
  torch::nn::BatchNorm2d batch_;
};
TORCH_MODULE(InstanceBatchNorm);

/// A convolution and the normalisation behind it. Both are registered with the owner under torchvision's
/// names. One of the three norms is set; none once a batch norm is folded into the convolution.
struct ConvNorm {
  torch::nn::Conv2d conv{nullptr};
  torch::nn::BatchNorm2d norm{nullptr};
  InstanceBatchNorm mixed{nullptr};
  torch::nn::InstanceNorm2d instance{nullptr};

  [[nodiscard]] torch::Tensor operator()(const torch::Tensor& x);
  void fold();  ///< does nothing to instance norms, whose statistics are each image's own
  void use_onednn_layout();
};

/// Where a residual block has instance normalisation.
enum class BlockInstanceNorm {
  none,
  first,    ///< in half of its first norm (IBN-a)
  closing,  ///< over the sum, before the last ReLU (IBN-b)
};

/// Basic or bottleneck residual block; the stride is on the 3 x 3 convolution.
class ResNetBlockImpl : public torch::nn::Module {
 public:
  ResNetBlockImpl(std::int64_t in_channels, std::int64_t channels, std::int64_t stride, bool is_bottleneck,
                  BlockInstanceNorm instance_norm = BlockInstanceNorm::none);
  [[nodiscard]] torch::Tensor forward(const torch::Tensor& x);
  [[nodiscard]] std::vector<ConvNorm*> parts();

 private:
  std::vector<ConvNorm> path_;
  ConvNorm shortcut_;  ///< empty where the input fits as it is
  torch::nn::InstanceNorm2d closing_{nullptr};
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
  /// The last stage's map, [B, dim, h, w].
  [[nodiscard]] torch::Tensor forward_map(const torch::Tensor& x);

  /// Stem and the first `blocks` residual blocks, and what follows: forward_map in two parts. Not after
  /// prepare_for_inference.
  [[nodiscard]] torch::Tensor early(const torch::Tensor& x, std::size_t blocks);
  /// @return  [B, dim, h, w]
  [[nodiscard]] torch::Tensor late(const torch::Tensor& early_map, std::size_t blocks);

  /// @param state  torchvision names; `fc.*`, `num_batches_tracked` and, if truncated, later stages are
  /// passed over
  /// @throws Error  `incompatible` naming the first tensor that is missing, unknown or of another shape
  void load(const TensorMap& state);
  [[nodiscard]] TensorMap state() const;

  /// Folds the batch normalisation into the convolutions and, on the CPU and without instance norms, puts the
  /// weights in oneDNN's blocked layout. The network can then neither be trained nor saved.
  void prepare_for_inference();
  /// Whether the convolutions run in oneDNN's layout, in which a picture's map has the same bits in any
  /// batch.
  [[nodiscard]] bool is_onednn() const { return is_onednn_; }

 private:
  [[nodiscard]] std::vector<ConvNorm*> parts();

  ResNetArguments arguments_;
  ConvNorm stem_;
  std::vector<ResNetBlock> blocks_;
  bool is_onednn_ = false;
};
TORCH_MODULE(ResNet);

}  // namespace models
