#pragma once

#include <vector>

#include "imaging/base/geometry.h"
#include "imaging/base/image.h"

namespace imaging {

/// One connected piece: an outer ring and its holes, closed implicitly, in level-0 pixels.
struct TissuePiece {
  std::vector<PointD> outer_l0;
  std::vector<std::vector<PointD>> holes_l0;
};

/// Outlines along the edges of mask pixels, so that a ring's area is its pixels'. Outer rings run clockwise,
/// holes the other way. Pieces are 4-connected, holes 8-connected, so outlines never cross.
///
/// @param mask      H x W x 1, not 0 where there is tissue
/// @param pixel_l0  level-0 size of a mask pixel
[[nodiscard]] std::vector<TissuePiece> trace_outlines(const Image8& mask, PointD pixel_l0);

}  // namespace imaging
