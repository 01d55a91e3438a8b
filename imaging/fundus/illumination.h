#pragma once

#include <concepts>
#include <cstdint>
#include <type_traits>

#include "imaging/base/image.h"
#include "imaging/base/options.h"

namespace imaging {

struct IlluminationOptions {
  double width = 0.25;   ///< standard deviation of the smoothing, in radii of the field
  double outlier = 0.2;  ///< share by which a pixel of the background may differ from its light
  double most_gain = 3;  ///< of a dark place; its inverse for a bright one
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, IlluminationOptions>
void visit_fields(Visitor&& field, Options& options) {
  field("width", options.width,
        FieldInfo{.unit = "radii", .help = "Width over which the light is smoothed", .min = 0.05, .max = 1});
  field("outlier", options.outlier,
        FieldInfo{.help = "Share by which background may differ from its light", .min = 0.02, .max = 1});
  field("most_gain", options.most_gain,
        FieldInfo{.help = "Largest gain of a dark place", .min = 1, .max = 20});
}

/// Evens the light of a fundus photograph and keeps its colours and its mean.
///
/// The light of each channel is the smooth mean of the background: of the field without what differs from it
/// (vessels, optic disc, lesions), found in four rounds. Each pixel is then multiplied by mean light /
/// light. Means are taken within the mask alone, so that no dark rim arises at its edge. After the luminosity
/// normalisation of Foracchia et al., multiplicative and per channel; their contrast normalisation is left
/// out, since it would level the lesions too.
///
/// @param picture  H x W x 3, RGB
/// @param mask     H x W x 1; above 127 is the field
/// @return         H x W x 3; 0 outside the field
/// @throws Error   `invalid_argument` on options out of range and on sizes or channels that do not fit;
///                 `insufficient_data` on an empty mask.
/// @par Threads    Reentrant.
/// @par Reference  [foracchia2005]
[[nodiscard]] Image8 correct_illumination(const Image8& picture, const Image8& mask,
                                          const IlluminationOptions& options = {});

}  // namespace imaging
