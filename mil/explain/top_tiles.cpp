#include "mil/explain/top_tiles.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "imaging/base/error.h"

namespace mil {

std::vector<std::int64_t> find_top_tiles(const TileScores& scores, std::int64_t column, std::int64_t count) {
  const auto columns = static_cast<std::int64_t>(scores.names.size());
  if (column < 0 || column >= columns) {
    throw imaging::Error(imaging::ErrorCode::invalid_argument,
                         fmt::format("Score column {} is not one of {}.", column, columns));
  }
  const auto score_of = [&](std::int64_t row) {
    return scores.values[static_cast<std::size_t>(row * columns + column)];
  };
  std::vector<std::int64_t> rows(scores.values.size() / scores.names.size());
  std::iota(rows.begin(), rows.end(), 0);
  const auto kept = std::clamp<std::int64_t>(count, 0, static_cast<std::int64_t>(rows.size()));
  std::partial_sort(rows.begin(), rows.begin() + kept, rows.end(), [&](std::int64_t a, std::int64_t b) {
    return score_of(a) != score_of(b) ? score_of(a) > score_of(b) : a < b;
  });
  rows.resize(static_cast<std::size_t>(kept));
  return rows;
}

}  // namespace mil
