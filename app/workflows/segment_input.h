#pragma once

#include <cstdint>
#include <optional>

#include "imaging/base/image.h"

namespace workflows {

/// A picture, and its truth where there is one, as a segmenter is trained and adapted on them.
struct SegmentInput {
  imaging::Image8 shown;                  ///< H x W x 3, what the network sees, for people
  imaging::ImageF picture;                ///< H x W x C, 0 to 255
  std::optional<imaging::Image8> labels;  ///< H x W x 1; background outside the field
};

/// Cuts to the field of view where so wanted, black outside and centred in a square, and takes the mean of
/// R, G and B where the network has one channel.
/// @param picture   H x W x 3 RGB
/// @param channels  1 or 3
/// @throws Error    `incompatible` on other channels; as find_field_of_view
[[nodiscard]] SegmentInput segment_input(const imaging::Image8& picture,
                                         const std::optional<imaging::Image8>& labels, bool crop_to_field,
                                         std::int64_t channels);

/// The picture with its labels laid over it in one colour per class, the background left as it is.
/// @param labels  H x W x 1
[[nodiscard]] imaging::Image8 paint_labels(imaging::Image8 picture, const imaging::Image8& labels);

}  // namespace workflows
