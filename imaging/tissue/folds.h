#pragma once

#include "imaging/base/geometry.h"
#include "imaging/base/image.h"

namespace imaging {

/// Dark folds: narrow ridges (at most 0.3 mm wide, three times as long, 0.02 mm² or more) that are denser
/// than `times` the 95th percentile of the tissue's optical density and still of its colour: bluer
/// (lymphocytes) and redder (blood) ridges are left alone. Pale folds are missed: this rule would rather miss
/// than err.
///
/// @param overview  H x W x 3
/// @param tissue    H x W x 1, not 0 where there is tissue
/// @param pixel_um  size of a pixel
/// @return          H x W x 1, 255 fold, 0 not
[[nodiscard]] Image8 find_folds(const Image8& overview, const Image8& tissue, PointD pixel_um, double times);

}  // namespace imaging
