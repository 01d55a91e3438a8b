#pragma once

#include <span>
#include <string>
#include <vector>

#include "imaging/base/image.h"
#include "imaging/tiling/tile_grid.h"

namespace imaging {

/// Scores on the tile grid: one pixel per tile stride, NaN where no tile was scored.
struct ScoreRaster {
  ImageF values;  ///< rows x columns x K
  std::vector<std::string> channel_names;
  PointD origin_l0;  ///< level-0 position of the raster's top left corner
  PointD pixel_l0;   ///< level-0 size of a raster pixel (the tile stride)
  PointD pixel_um;   ///< the same in µm
};

/// Paints scores [N, K], row-major, one row per entry of `tile_numbers`, at the tiles' grid positions. Where
/// tiles overlap, a raster pixel is the average of the tiles that cover it, weighted by the covered area.
/// @throws Error  `invalid_argument` where the counts do not agree.
[[nodiscard]] ScoreRaster paint_scores(const TileGrid& grid, std::span<const std::int64_t> tile_numbers,
                                       std::span<const float> scores, std::vector<std::string> channel_names);

/// What a colormap spans: from the smallest value to the 99th percentile (nearest rank), so that a few
/// outstanding tiles do not leave all others dark. Under 100 values that is the largest one; zeros
/// where no value is finite.
struct PaintedRange {
  float low = 0;
  float high = 0;
  bool is_clipped = false;  ///< values above `high` exist; they take the last colour
};
[[nodiscard]] PaintedRange painted_range(const ScoreRaster& raster, int channel);

/// Rank view for display: each finite value replaced by its rank in 0..1, ties sharing the mean rank.
[[nodiscard]] ScoreRaster rank_view(const ScoreRaster& raster);

}  // namespace imaging
