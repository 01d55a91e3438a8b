#pragma once

#include <array>
#include <cstdint>

#include "imaging/base/image.h"

namespace imaging {

/// Two stain directions in optical-density (OD) space, OD = -log10(I / I0).
///
/// Row 0 is haematoxylin, row 1 is eosin. Each row is a unit vector over
/// (R, G, B) with entries in [0, 1].
struct StainVectors {
  std::array<std::array<double, 3>, 2> rows;
};

/// The usual H&E directions. @par Reference [ruifrok2001]
inline constexpr StainVectors kRuifrokStains{{{{0.650, 0.704, 0.286}, {0.072, 0.990, 0.105}}}};
/// The target that Macenko's normalisation maps to. @par Reference [macenko2009]
inline constexpr StainVectors kMacenkoStains{{{{0.5626, 0.7201, 0.4062}, {0.2159, 0.8012, 0.5581}}}};

/// Clear glass as a scanner sees it: R, G, B. Unit: grey levels, above 0.
using WhiteLevel = std::array<double, 3>;

/// Optical density of every grey level, a table per channel. Level 0 counts as 1, so all is finite.
[[nodiscard]] std::array<std::array<float, 256>, 3> density_tables(const WhiteLevel& white);

/// Maps an optical density to the amounts of both stains by least squares: row 0 gives haematoxylin, row 1
/// eosin.
/// @throws Error  `invalid_argument` where the two stains are parallel.
[[nodiscard]] std::array<std::array<double, 3>, 2> pseudo_inverse(const StainVectors& stains);

/// Optical density of RGB grey levels. Levels below 1 count as 1, so the result is finite.
///
/// @param image        H x W x 3, uint8
/// @param white_level  I0, intensity of clear glass. Unit: grey levels, above 0.
/// @return             H x W x 3, OD; negative where brighter than the glass
/// @throws Error       `invalid_argument` if the image has not 3 channels or the white level is not positive.
/// @par Threads        Reentrant.
[[nodiscard]] ImageF optical_density(const Image8& image, double white_level = 255.0);

/// Amount of each stain per pixel, by least squares on the optical density.
///
/// @param image  H x W x 3, uint8
/// @return       H x W x 2: haematoxylin, eosin. Unit: OD along the stain's unit vector; may be below 0.
/// @throws Error `invalid_argument` as optical_density, or where the two stains are parallel.
/// @par Threads  Reentrant.
[[nodiscard]] ImageF decompose_stains(const Image8& image, const StainVectors& stains,
                                      double white_level = 255.0);

/// The picture that these amounts of stain make: the inverse of decompose_stains, rounded to grey levels.
///
/// @param amounts  H x W x 2: haematoxylin, eosin
/// @throws Error   `invalid_argument` if `amounts` has not 2 channels or the white level is not positive.
/// @par Threads    Reentrant.
[[nodiscard]] Image8 compose_stains(const ImageF& amounts, const StainVectors& stains,
                                    double white_level = 255.0);

}  // namespace imaging
