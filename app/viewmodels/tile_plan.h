#pragma once

#include <vector>

#include "imaging/base/geometry.h"
#include "imaging/tiling/tile_cache.h"

namespace viewmodels {

/// The view level to draw from: fine enough for `scale_device` (device pixels per level-0 pixel) but for a
/// quarter of an octave, so that a tile is enlarged by at most 19 %.
[[nodiscard]] int view_level(double scale_device);

/// Tiles of one level that meet `visible_l0`, nearest to its middle first.
/// @param margin_tiles  this many more tiles all around, after the visible ones
[[nodiscard]] std::vector<imaging::ViewTileKey> plan_tiles(std::uint32_t source, imaging::SizeI slide_size_l0,
                                                           imaging::RectD visible_l0, int level,
                                                           int margin_tiles);

}  // namespace viewmodels
