#include "models/encoders/encoder_table.h"

#include <algorithm>

namespace models {
namespace {

using nlohmann::ordered_json;
using Channels = std::array<double, 3>;

constexpr Channels kImageNetMean{0.485, 0.456, 0.406};
constexpr Channels kImageNetStd{0.229, 0.224, 0.225};
constexpr Channels kClipMean{0.48145466, 0.4578275, 0.40821073};
constexpr Channels kClipStd{0.26862954, 0.26130258, 0.27577711};
constexpr Channels kOptimusMean{0.707223, 0.578729, 0.703617};
constexpr Channels kOptimusStd{0.211883, 0.230117, 0.177517};

// 20x is 0.5 um/px and 10x is 1.0 um/px, as these encoders were trained. name, patch, um/px, dim, resize,
// bicubic, crop.
constexpr std::array kPresets{
    EncoderPreset{"uni_v1", 256, 0.5, 1024, 224, false, 224, kImageNetMean, kImageNetStd, "CC-BY-NC-ND-4.0"},
    EncoderPreset{"uni_v2", 256, 0.5, 1536, 224, false, 224, kImageNetMean, kImageNetStd, "CC-BY-NC-ND-4.0"},
    EncoderPreset{"conch_v1", 512, 0.5, 512, 448, true, 448, kClipMean, kClipStd, "CC-BY-NC-ND-4.0"},
    EncoderPreset{"conch_v15", 512, 0.5, 768, 448, true, 448, kImageNetMean, kImageNetStd, "CC-BY-NC-ND-4.0"},
    EncoderPreset{"virchow", 224, 0.5, 2560, 224, true, 0, kImageNetMean, kImageNetStd, "Apache-2.0"},
    EncoderPreset{"virchow2", 224, 0.5, 2560, 224, true, 0, kImageNetMean, kImageNetStd, "CC-BY-NC-ND-4.0"},
    EncoderPreset{"phikon", 224, 0.5, 768, 224, false, 0, kImageNetMean, kImageNetStd,
                  "Owkin non-commercial licence"},
    EncoderPreset{"phikon_v2", 224, 0.5, 1024, 224, false, 0, kImageNetMean, kImageNetStd,
                  "Owkin non-commercial licence"},
    EncoderPreset{"gigapath", 256, 0.5, 1536, 256, true, 224, kImageNetMean, kImageNetStd, "Apache-2.0"},
    EncoderPreset{"hoptimus0", 224, 0.5, 1536, 224, false, 0, kOptimusMean, kOptimusStd, "Apache-2.0"},
    EncoderPreset{"hoptimus1", 224, 0.5, 1536, 224, false, 0, kOptimusMean, kOptimusStd, "CC-BY-NC-ND-4.0"},
    EncoderPreset{"ctranspath", 256, 1.0, 768, 224, false, 0, kImageNetMean, kImageNetStd, "GPL-3.0"},
    EncoderPreset{"resnet50", 256, 0.5, 1024, 224, false, 224, kImageNetMean, kImageNetStd, "BSD-3-Clause"},
};

}  // namespace

std::span<const EncoderPreset> encoder_presets() {
  return kPresets;
}

std::optional<EncoderPreset> find_encoder_preset(std::string_view name) {
  const auto found =
      std::find_if(kPresets.begin(), kPresets.end(), [&](const auto& row) { return row.name == name; });
  if (found == kPresets.end()) return std::nullopt;
  return *found;
}

ordered_json transform_of(const EncoderPreset& preset) {
  ordered_json resize{{"size", preset.resize_px}};
  if (preset.is_bicubic) resize["interpolation"] = "bicubic";
  auto steps = ordered_json::array({{{"name", "Resize"}, {"arguments", resize}}});
  if (preset.crop_px > 0)
    steps.push_back({{"name", "CenterCrop"}, {"arguments", {{"size", preset.crop_px}}}});
  steps.push_back({{"name", "ToTensor"}});
  steps.push_back({{"name", "Normalize"}, {"arguments", {{"mean", preset.mean}, {"std", preset.std}}}});
  return steps;
}

}  // namespace models
