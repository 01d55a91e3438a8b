#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "imaging/base/options.h"

namespace models {

/// What turns somebody's weights into an encoder package. A preset fills in what is not given.
struct PackOptions {
  std::string weights;  ///< .pt (TorchScript or state dict), .pth or .safetensors; not visited as a field
  std::string name;     ///< empty: the preset's, else the file's stem
  std::optional<std::string> preset;  ///< a row of encoder_presets()
  std::optional<std::int64_t> patch_size;
  std::optional<double> mpp;
  double mpp_tolerance = 0.1;
  std::optional<std::int64_t> input_size;
  std::string mean = "0.485,0.456,0.406";
  std::string std = "0.229,0.224,0.225";
  bool truncated = false;
  std::string licence;  ///< empty: the preset's
  std::optional<std::string> card;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, PackOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("name", options.name,
        FieldInfo{.help = "Name of the package; by default the preset's or the file's"});
  field("preset", options.preset,
        FieldInfo{.help = "Patch size, scale, transform and licence of a public encoder (uni_v1, virchow2, "
                          "resnet50, ...)"});
  field("patch_size", options.patch_size,
        FieldInfo{.unit = "px", .help = "Side of the tiles", .min = 16, .max = 4096});
  field("mpp", options.mpp,
        FieldInfo{.unit = "um/px", .help = "Scale of the tiles", .min = 0.01, .max = 100});
  field("mpp_tolerance", options.mpp_tolerance,
        FieldInfo{.help = "Accepted deviation from the scale, as a fraction", .min = 0.001, .max = 10});
  field("input_size", options.input_size,
        FieldInfo{.unit = "px",
                  .help = "Side that tiles are resized to; by default they are not",
                  .min = 16,
                  .max = 4096});
  field("mean", options.mean,
        FieldInfo{.help = "Normalisation: mean of R,G,B in 0 to 1 (not with --preset)"});
  field("std", options.std, FieldInfo{.help = "Normalisation: deviation of R,G,B (not with --preset)"});
  field("truncated", options.truncated,
        FieldInfo{.help = "Built-in ResNet only: features after stage 3, as CLAM's ResNet-50 (implied by the "
                          "preset resnet50)"});
  field("licence", options.licence, FieldInfo{.help = "Licence of the weights"});
  field("card", options.card,
        FieldInfo{.help = "Markdown file with the model card; a short one is written by default"});
}

/// Makes `out_folder` a patch-encoder package: weights, manifest, card; opens it once to find and record the
/// width of its features. A state dict with torchvision's ResNet names becomes a built-in ResNet, a
/// TorchScript module stays one.
/// @throws Error  `invalid_argument` if the scale or patch size is unknown, the preset is, or the folder
/// exists already;
///                `incompatible` if the weights fit no architecture or the features differ from the preset's
///                width; as read_pth and read_safetensors
void pack_encoder(const PackOptions& options, const std::filesystem::path& out_folder);

}  // namespace models
