#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "imaging/base/image.h"
#include "imaging/tiling/tile_grid.h"
#include "mil/bags/bag.h"

namespace workflows {

/// Writes a QuPath FeatureCollection, level-0 pixels: one object of type "tile" per scored tile, its raw
/// scores as measurements.
/// @param numbers  of the scored tiles in TileGrid::tiles(), one per row of `scores`
/// @throws Error   `io_error`
void write_tiles_geojson(const std::filesystem::path& path, const imaging::TileGrid& grid,
                         const std::vector<std::int64_t>& numbers, const mil::TileScores& scores);

/// The overview with everything outside the tiles faded and the tiles outlined.
[[nodiscard]] imaging::Image8 stitch_tiles(imaging::Image8 overview, const imaging::TileGrid& grid);

}  // namespace workflows
