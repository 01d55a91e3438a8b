#pragma once

#include <array>
#include <cstdint>

#include "imaging/base/image.h"
#include "imaging/stain/stain_sample.h"

namespace imaging {

/// Mean and standard deviation of colours in l-alpha-beta, the decorrelated logarithm of the eye's cone
/// responses.
struct ColourStatistics {
  std::array<double, 3> mean;
  std::array<double, 3> deviation;
};

using Matrix3 = std::array<std::array<double, 3>, 3>;

/// RGB to cone responses (LMS). Its printed coefficients, rows scaled to sum to 1, so that grey stays grey.
/// @par Reference  [reinhard2001]
[[nodiscard]] const Matrix3& rgb_to_lms();
/// log10(LMS) to l, alpha, beta: orthonormal, so that its transpose leads back. @par Reference [reinhard2001]
[[nodiscard]] const Matrix3& log_lms_to_lab();
/// @throws Error  `invalid_argument` where the matrix is singular.
[[nodiscard]] Matrix3 invert(const Matrix3& matrix);

/// Statistics of the stained pixels; glass is left out, so that its share does not count. The paper takes all
/// pixels of a photograph.
/// @param pixels  H x W x 3
/// @throws Error  `insufficient_data` if fewer than `min_pixels` are stained.
[[nodiscard]] ColourStatistics measure_colours(const Image8& pixels, const WhiteLevel& white,
                                               std::int64_t min_pixels = 256);

}  // namespace imaging
