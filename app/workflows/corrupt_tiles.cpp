#include "app/workflows/corrupt_tiles.h"

#include <fmt/format.h>

#include "imaging/base/error.h"

namespace workflows {

void require_good_tile(const imaging::TileGrid& grid, const std::vector<imaging::CorruptTile>& corrupt) {
  if (corrupt.size() < grid.tiles().size()) return;
  throw imaging::Error(imaging::ErrorCode::corrupt_data,
                       fmt::format("All {} tissue tiles are corrupt; the first: {}", grid.tiles().size(),
                                   corrupt.empty() ? "" : corrupt.front().reason));
}

}  // namespace workflows
