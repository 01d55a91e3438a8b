#pragma once

#include <cstdint>
#include <vector>

#include "mil/bags/bag.h"

namespace mil {

/// Rows of the tiles with the highest raw scores of one column, best first; among equals the lower row first.
///
/// @param column  0 to K - 1
/// @param count   at most so many; fewer where the bag is smaller
/// @throws imaging::Error  `invalid_argument` on a column that the scores do not have.
[[nodiscard]] std::vector<std::int64_t> find_top_tiles(const TileScores& scores, std::int64_t column,
                                                       std::int64_t count);

}  // namespace mil
