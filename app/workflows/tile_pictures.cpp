#include "app/workflows/tile_pictures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "imaging/base/error.h"
#include "imaging/base/files.h"

namespace workflows {

void write_tiles_geojson(const std::filesystem::path& path, std::span<const imaging::RectD> rects,
                         const std::vector<std::string>& names, std::span<const float> values) {
  std::vector<std::string> keys;
  for (const auto& name : names) keys.push_back(nlohmann::json(name).dump());
  imaging::AtomicFile target(path);
  std::ofstream file(target.temporary_path(), std::ios::binary | std::ios::trunc);
  const std::ostreambuf_iterator<char> out(file);
  file << "{\"type\":\"FeatureCollection\",\"features\":[";
  for (std::size_t row = 0; row < rects.size(); ++row) {
    const auto& rect = rects[row];
    fmt::format_to(out,
                   "{0}\n{{\"type\":\"Feature\",\"geometry\":{{\"type\":\"Polygon\",\"coordinates\":[[[{1:."
                   "2f},{2:.2f}],[{3:.2f},{2:.2f}],"
                   "[{3:.2f},{4:.2f}],[{1:.2f},{4:.2f}],[{1:.2f},{2:.2f}]]]}},\"properties\":{{"
                   "\"objectType\":\"tile\",\"name\":\"{5}\","
                   "\"measurements\":{{",
                   row == 0 ? "" : ",", rect.x, rect.y, rect.right(), rect.bottom(), row);
    for (std::size_t k = 0; k < keys.size(); ++k) {
      fmt::format_to(out, "{}{}:{}", k == 0 ? "" : ",", keys[k], values[row * keys.size() + k]);
    }
    file << "}}}";
  }
  file << "\n]}\n";
  file.close();
  if (!file)
    throw imaging::Error(imaging::ErrorCode::io_error, fmt::format("Cannot write {}.", path.string()));
  target.commit();
}

imaging::Image8 stitch_tiles(imaging::Image8 overview, const imaging::TileGrid& grid) {
  constexpr int kFadedShare = 4;  // a quarter of the picture's contrast stays outside the tiles
  const auto size = grid.slide_size_l0();
  const double sx = static_cast<double>(overview.width()) / static_cast<double>(size.width);
  const double sy = static_cast<double>(overview.height()) / static_cast<double>(size.height);
  imaging::Image8 faded = overview;
  for (auto& value : faded.values()) value = static_cast<std::uint8_t>(255 - (255 - value) / kFadedShare);
  for (const auto& index : grid.tiles()) {
    const auto rect = grid.rect_l0(index);
    const auto x0 = std::llround(rect.x * sx),
               x1 = std::min(std::llround(rect.right() * sx), static_cast<long long>(overview.width()));
    const auto y0 = std::llround(rect.y * sy),
               y1 = std::min(std::llround(rect.bottom() * sy), static_cast<long long>(overview.height()));
    for (auto y = y0; y < y1; ++y) {
      for (auto x = x0; x < x1; ++x) {
        const bool is_edge = x == x0 || y == y0;
        const auto* from = overview.pixel(x, y);
        auto* to = faded.pixel(x, y);
        for (int c = 0; c < 3; ++c) to[c] = is_edge ? static_cast<std::uint8_t>(from[c] / 2) : from[c];
      }
    }
  }
  return faded;
}

}  // namespace workflows
