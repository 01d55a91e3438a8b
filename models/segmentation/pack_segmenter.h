#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "imaging/base/options.h"

namespace models {

/// What a TorchScript module does not say of itself. Name, licence and card are those of PackOptions.
struct SegmenterPackOptions {
  std::vector<std::string> class_names = {};
  std::int64_t channels = 3;
  std::int64_t size_multiple = 32;
  std::optional<std::int64_t> working_size = {};
  bool crop_to_field = false;
  std::string intensity = "unit";
  std::string channel_mean = {};
  std::string channel_std = {};
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, SegmenterPackOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("class_names", options.class_names,
        FieldInfo{.help = "Segmenters: a class; repeat it for each, the background first"});
  field("channels", options.channels,
        FieldInfo{.help = "Segmenters: channels of a picture", .min = 1, .max = 64});
  field("size_multiple", options.size_multiple,
        FieldInfo{.unit = "px", .help = "Segmenters: what sides are multiples of", .min = 1, .max = 1024});
  field("working_size", options.working_size,
        FieldInfo{.unit = "px",
                  .help = "Segmenters: longer side that pictures are resized to; by default they are not",
                  .min = 16,
                  .max = 8192});
  field("crop_to_field", options.crop_to_field,
        FieldInfo{.help = "Segmenters: photographs of the retina are cut to the field of view first"});
  field("intensity", options.intensity,
        FieldInfo{.help = "Segmenters: 8-bit values divided by 255, or each channel standardised over the "
                          "non-zero values of a picture or volume",
                  .choices = {"unit", "zscore"}});
  field("channel_mean", options.channel_mean,
        FieldInfo{.help = "Segmenters: subtracted from each channel after that, as 0.5,0.5,0.5; by default "
                          "nothing"});
  field("channel_std", options.channel_std,
        FieldInfo{.help = "Segmenters: what each channel is then divided by"});
}

/// Makes `out_folder` a segmenter package of a TorchScript module that takes [B, C, H, W] float32 and gives
/// logits: a map per class, or a single map where there are two classes (a sigmoid's). Opens it once.
/// @param name     empty: the file's stem
/// @param licence  empty: "not stated"
/// @throws Error  `invalid_argument` without class names or where the folder exists; `not_found`;
/// `unsupported_format` if the file is no TorchScript archive; `incompatible` where the module fails or its
/// maps are not the classes.
void pack_segmenter(const std::filesystem::path& weights, const std::string& name, const std::string& licence,
                    const std::optional<std::string>& card, const SegmenterPackOptions& options,
                    const std::filesystem::path& out_folder);

}  // namespace models
