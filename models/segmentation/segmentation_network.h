#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "models/runtime/model_package.h"
#include "models/runtime/safetensors.h"
#include "models/segmentation/segmenter_facts.h"

namespace models {

/// A segmenter that can be changed: its batch norms go through the thread's NormHook, gradients flow, and its
/// weights can be written again. Always in evaluation mode.
///
/// @par Threads  One caller at a time.
class SegmentationNetwork {
 public:
  virtual ~SegmentationNetwork() = default;
  /// @param x  [B, C, H, W], as `prepared_input` makes it, on the network's device
  /// @return   [B, K, H, W] float32 logits over the classes
  /// @throws Error  `incompatible` where the network fails
  [[nodiscard]] virtual at::Tensor forward(const at::Tensor& x) = 0;
  /// Parameters and buffers by name, sharing memory with the network.
  [[nodiscard]] virtual TensorMap state() const = 0;
  [[nodiscard]] virtual std::vector<at::Tensor> parameters() const = 0;
  /// Writes the weights' file of a package.
  virtual void write_weights(const std::filesystem::path& folder) const = 0;
  [[nodiscard]] virtual const SegmenterFacts& facts() const = 0;
};

/// Opens a package of the task `segmentation`: a built-in U-Net, or a TorchScript module whose batch-norm
/// nodes, traced with a constant `training = False` or scripted, are replaced in a copy of its graph by ones
/// that ask the NormHook.
/// @param device  as DeviceChoice::name
/// @throws Error  as Segmenter::open
[[nodiscard]] std::unique_ptr<SegmentationNetwork> open_segmentation_network(const ModelPackage& package,
                                                                             const std::string& device);

}  // namespace models
