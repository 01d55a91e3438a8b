#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace models {

/// How pixel values become what a segmenter was trained on.
enum class IntensityScale {
  unit,    ///< 8-bit values divided by 255
  zscore,  ///< mean 0 and deviation 1 per channel over the non-zero values of a whole image or volume: made
           ///< by whoever decodes, since a tile does not know them; `Segmenter` takes such values as they are
};

/// What goes on in a network's last layer.
enum class SegmenterOutput {
  softmax,  ///< a map per class
  sigmoid,  ///< one map: the second of two classes against the first
};

/// What a package of the task `segmentation` says of its pictures; in the manifest under `input`, `output`
/// and `class_names`.
struct SegmenterFacts {
  std::vector<std::string> class_names;  ///< label 0 first: the background
  std::int64_t channels = 3;
  std::int64_t size_multiple = 1;            ///< sides of what the network takes are multiples of this
  std::optional<std::int64_t> working_size;  ///< whole pictures are resized to this longer side; absent: the
                                             ///< network works on pixels as they come
  bool crop_to_field = false;                ///< fundus photographs are cut to the field of view first
  IntensityScale intensity = IntensityScale::unit;
  std::vector<double> mean, std;  ///< after `intensity`: (value - mean) / std per channel; empty: none
  SegmenterOutput output = SegmenterOutput::softmax;
};

/// Writes the facts into a manifest.
void put_segmenter_facts(nlohmann::ordered_json& manifest, const SegmenterFacts& facts);

/// @throws Error  `corrupt_data` naming the key that is missing or out of range.
[[nodiscard]] SegmenterFacts segmenter_facts_of(const nlohmann::ordered_json& manifest);

}  // namespace models
