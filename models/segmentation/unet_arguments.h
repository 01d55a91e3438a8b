#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

namespace models {

/// What shapes the built-in 2-D U-Net.
struct UNetArguments {
  std::vector<std::int64_t> widths{32, 64, 128, 256, 512};  ///< channels per level, the finest first
  bool has_instance_norm = false;  ///< IBN-a: half of the first norm of every level but the deepest

  /// Halvings of the size.
  [[nodiscard]] std::int64_t depth() const { return static_cast<std::int64_t>(widths.size()) - 1; }
  /// Sides of the input are multiples of this.
  [[nodiscard]] std::int64_t size_multiple() const { return std::int64_t{1} << depth(); }
};

/// @param arguments  widths, and any of depth (checked against widths), ibn ("none" | "a")
/// @throws Error  `incompatible` on an unknown argument or a value out of range
[[nodiscard]] UNetArguments unet_arguments_from_json(const nlohmann::ordered_json& arguments);
[[nodiscard]] nlohmann::ordered_json unet_arguments_to_json(const UNetArguments& arguments);

}  // namespace models
