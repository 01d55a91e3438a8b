#include "app/viewmodels/tile_plan.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace viewmodels {

int view_level(double scale_device) {
  return std::max(0, static_cast<int>(std::floor(-std::log2(scale_device) + 0.25)));
}

std::vector<imaging::ViewTileKey> plan_tiles(std::uint32_t source, imaging::SizeI slide_size_l0,
                                             imaging::RectD visible_l0, int level, int margin_tiles) {
  const auto side = std::ldexp(static_cast<double>(imaging::kViewTilePx), level);
  struct Range {
    std::int64_t first, last;  // inclusive
  };
  const auto range = [side](double start, double end, std::int64_t size, std::int64_t margin) {
    const auto last_tile = static_cast<std::int64_t>(std::ceil(static_cast<double>(size) / side)) - 1;
    return Range{std::max<std::int64_t>(0, static_cast<std::int64_t>(std::floor(start / side)) - margin),
                 std::min(last_tile, static_cast<std::int64_t>(std::ceil(end / side)) - 1 + margin)};
  };
  const auto columns = range(visible_l0.x, visible_l0.right(), slide_size_l0.width, 0);
  const auto rows = range(visible_l0.y, visible_l0.bottom(), slide_size_l0.height, 0);
  const auto wide_columns = range(visible_l0.x, visible_l0.right(), slide_size_l0.width, margin_tiles);
  const auto wide_rows = range(visible_l0.y, visible_l0.bottom(), slide_size_l0.height, margin_tiles);

  const auto middle_x = (visible_l0.x + visible_l0.width / 2) / side - 0.5;
  const auto middle_y = (visible_l0.y + visible_l0.height / 2) / side - 0.5;
  struct Candidate {
    bool is_margin;
    double distance;
    imaging::ViewTileKey key;
  };
  std::vector<Candidate> candidates;
  for (auto row = wide_rows.first; row <= wide_rows.last; ++row) {
    for (auto column = wide_columns.first; column <= wide_columns.last; ++column) {
      const bool visible =
          row >= rows.first && row <= rows.last && column >= columns.first && column <= columns.last;
      candidates.push_back(
          {!visible,
           std::hypot(static_cast<double>(column) - middle_x, static_cast<double>(row) - middle_y),
           {source, level, column, row}});
    }
  }
  std::ranges::sort(candidates, [](const Candidate& a, const Candidate& b) {
    return std::tie(a.is_margin, a.distance, a.key) < std::tie(b.is_margin, b.distance, b.key);
  });
  std::vector<imaging::ViewTileKey> keys;
  keys.reserve(candidates.size());
  for (const auto& candidate : candidates) keys.push_back(candidate.key);
  return keys;
}

}  // namespace viewmodels
