#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace models {

/// How a public encoder wants its tiles: what `model pack --preset` fills in. The weights are the user's to
/// get.
struct EncoderPreset {
  std::string_view name;               ///< as TRIDENT spells it
  std::int64_t patch_size_pixels = 0;  ///< tile side its features are usually taken at
  double spacing_um_px = 0;
  std::int64_t dim = 0;
  std::int64_t resize_px = 0;  ///< side that tiles are resized to
  bool is_bicubic = false;
  std::int64_t crop_px = 0;  ///< centre crop after that, 0 for none
  std::array<double, 3> mean{};
  std::array<double, 3> std{};
  std::string_view licence;  ///< of the weights, as their publisher states it
};

[[nodiscard]] std::span<const EncoderPreset> encoder_presets();
[[nodiscard]] std::optional<EncoderPreset> find_encoder_preset(std::string_view name);

/// The manifest's `transform` of a preset.
[[nodiscard]] nlohmann::ordered_json transform_of(const EncoderPreset& preset);

}  // namespace models
