#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "models/runtime/safetensors.h"

namespace models {

/// Instance normalisation in a ResNet. [pan2018]
enum class InstanceNormVariant {
  none,
  a,  ///< in half of the first norm of each block of stages 1 to 3
  b,  ///< in the stem, and over the sum of the last block of stages 1 and 2
};

/// What shapes a ResNet (v1.5, torchvision's). The defaults are torchvision's resnet18 without its
/// classifier.
struct ResNetArguments {
  bool is_bottleneck = false;  ///< three convolutions a block (resnet50), else two (resnet18)
  std::array<std::int64_t, 4> layers{2, 2, 2, 2};
  std::int64_t width = 64;  ///< channels of the first stage; each stage doubles them
  InstanceNormVariant instance_norm = InstanceNormVariant::none;
  bool is_truncated = false;  ///< features after stage 3 (CLAM's ResNet-50), else after stage 4

  [[nodiscard]] std::int64_t stages() const { return is_truncated ? 3 : 4; }
  [[nodiscard]] std::int64_t expansion() const { return is_bottleneck ? 4 : 1; }
  /// Length of the feature vector.
  [[nodiscard]] std::int64_t dim() const { return width * (std::int64_t{1} << (stages() - 1)) * expansion(); }
};

/// @param architecture  "resnet18" | "resnet50"
/// @param arguments     any of width, layers, features ("pool" | "truncated"), ibn ("none" | "a" | "b")
/// @throws Error  `incompatible` on an unknown architecture or argument, or a value out of range
[[nodiscard]] ResNetArguments resnet_arguments_from_json(const std::string& architecture,
                                                         const nlohmann::ordered_json& arguments);
[[nodiscard]] std::string resnet_architecture(const ResNetArguments& arguments);
[[nodiscard]] nlohmann::ordered_json resnet_arguments_to_json(const ResNetArguments& arguments);

/// Reads the shape of the network off the names and sizes of a torchvision state dict.
/// @throws Error  `incompatible` if it is no ResNet's
[[nodiscard]] ResNetArguments resnet_arguments_of(const TensorMap& state, bool is_truncated);

}  // namespace models
