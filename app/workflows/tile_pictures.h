#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "imaging/base/image.h"
#include "imaging/tiling/tile_grid.h"

namespace workflows {

/// Writes a QuPath FeatureCollection, level-0 pixels: one object of type "tile" per rectangle, its raw scores
/// as measurements.
/// @param values  [rects.size(), names.size()], row-major
/// @throws Error  `io_error`
void write_tiles_geojson(const std::filesystem::path& path, std::span<const imaging::RectD> rects,
                         const std::vector<std::string>& names, std::span<const float> values);

/// The overview with everything outside the tiles faded and the tiles outlined.
[[nodiscard]] imaging::Image8 stitch_tiles(imaging::Image8 overview, const imaging::TileGrid& grid);

}  // namespace workflows
