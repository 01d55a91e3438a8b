#pragma once

#include <cstdint>
#include <span>

#include "imaging/stain/optical_density.h"
#include "imaging/stain/stain_sample.h"

namespace imaging {

struct MacenkoOptions {
  double robust_percentile = 1.0;  ///< Angle trimmed at each end. Unit: percent, 0 to 50.
  std::int64_t min_pixels = 256;   ///< Fewest stained pixels for a trustworthy fit.
};

/// Pixels whose density is shorter than this are glass to the fits. Unit: OD.
inline constexpr double kStainedOd = 0.15;

/// Finds the haematoxylin and eosin directions of stained pixels.
///
/// Fits a plane through the origin to the optical densities and takes the two robust angular extremes in that
/// plane as the stains; haematoxylin is the one that takes more of the red. As published, but for which
/// pixels count: the paper drops those with a density below 0.15, which stained_densities reads as the
/// density's length, so that pale eosin, which hardly takes red, is kept.
///
/// @param densities  of stained pixels, as stained_densities gives them
/// @return           Unit vectors without negative entries, haematoxylin first.
/// @throws Error     `insufficient_data` if there are too few pixels, or they show one colour only.
/// @par Threads      Reentrant.
/// @par Cost         O(N) time, 4 N bytes.
/// @par Reference    [macenko2009]
[[nodiscard]] StainVectors estimate_macenko(std::span<const Density> densities,
                                            const MacenkoOptions& options = {});

}  // namespace imaging
