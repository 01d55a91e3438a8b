#pragma once

#include <cstdint>
#include <optional>

#include "imaging/base/image.h"
#include "models/segmentation/segmenter_facts.h"

namespace workflows {

/// A picture, and its truth where there is one, as a segmenter is trained and adapted on them.
struct SegmentInput {
  imaging::Image8 shown;                  ///< H x W x 3, what the network sees, for people
  imaging::ImageF picture;                ///< H x W x C, as PixelSource::read gives values
  std::optional<imaging::Image8> labels;  ///< H x W x 1; background outside the field
};

/// Cuts to the field of view where the package says so, black outside and centred in a square, and makes of
/// it what the network takes.
/// @param picture  H x W x 3 RGB
/// @throws Error   as picture_input and find_field_of_view
[[nodiscard]] SegmentInput segment_input(const imaging::Image8& picture,
                                         const std::optional<imaging::Image8>& labels,
                                         const models::SegmenterFacts& facts);

}  // namespace workflows
