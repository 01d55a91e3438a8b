#pragma once

#include "imaging/base/geometry.h"
#include "imaging/base/image.h"

namespace imaging::detail {

/// Spreads the marked pixels of `seeds` into those of `into`, step by step, no further than `reach_um`.
///
/// @param seeds, into  H x W x 1, 255 or 0
void grow(Image8& seeds, const Image8& into, PointD pixel_um, double reach_um);

}  // namespace imaging::detail
