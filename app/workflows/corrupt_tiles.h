#pragma once

#include <concepts>
#include <type_traits>
#include <vector>

#include "imaging/base/options.h"
#include "imaging/tiling/tile_grid.h"
#include "imaging/tiling/tile_stream.h"

namespace workflows {

/// How much damage a slide may have. A member of the options of whatever reads tiles.
struct CorruptTileOptions {
  double max_corrupt = 0.05;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, CorruptTileOptions>
void visit_fields(Visitor&& field, Options& options) {
  field("max_corrupt", options.max_corrupt,
        imaging::FieldInfo{
            .help = "Share of corrupt tissue tiles above which a slide fails", .min = 0, .max = 1});
}

/// @throws Error  `corrupt_data` where every tile of the grid is corrupt.
void require_good_tile(const imaging::TileGrid& grid, const std::vector<imaging::CorruptTile>& corrupt);

}  // namespace workflows
