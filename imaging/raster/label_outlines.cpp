#include "imaging/raster/label_outlines.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/raster/label_png.h"
#include "imaging/tissue/tissue_outlines.h"

namespace imaging {
namespace {

/// Twice the area that a ring encloses, positive whichever way it runs.
double ring_area(const std::vector<PointD>& ring) {
  double twice = 0;
  for (std::size_t i = 0, j = ring.size() - 1; i < ring.size(); j = i++)
    twice += ring[j].x * ring[i].y - ring[i].x * ring[j].y;
  return std::abs(twice) / 2;
}

void write_ring(std::ofstream& file, const std::vector<PointD>& ring, const LabelPlace& place) {
  const std::ostreambuf_iterator<char> out(file);
  file << '[';
  for (std::size_t i = 0; i <= ring.size(); ++i) {  // the first point again closes it
    const auto& point = ring[i % ring.size()];
    fmt::format_to(out, "{}[{},{}]", i == 0 ? "" : ",", place.origin_l0.x + point.x * place.pixel_l0.x,
                   place.origin_l0.y + point.y * place.pixel_l0.y);
  }
  file << ']';
}

}  // namespace

void write_label_geojson(const std::filesystem::path& path, const Image8& labels,
                         const std::vector<std::string>& class_names, const LabelPlace& place) {
  AtomicFile target(path);
  std::ofstream file(target.temporary_path(), std::ios::binary | std::ios::trunc);
  const std::ostreambuf_iterator<char> out(file);
  file << "{\"type\":\"FeatureCollection\",\"features\":[";
  bool is_first = true;
  for (std::size_t k = 1; k < class_names.size(); ++k) {
    Image8 mask(labels.width(), labels.height(), 1);
    std::ranges::transform(labels.values(), mask.values().begin(), [k](std::uint8_t label) {
      return static_cast<std::uint8_t>(label == k ? 255 : 0);
    });
    const auto name = nlohmann::json(class_names[k]).dump();
    const auto [red, green, blue] = class_colour(static_cast<int>(k));
    for (const auto& piece : trace_outlines(mask, {1, 1})) {
      double area = ring_area(piece.outer_l0);
      fmt::format_to(out, "{}\n{{\"type\":\"Feature\",\"geometry\":{{\"type\":\"Polygon\",\"coordinates\":[",
                     is_first ? "" : ",");
      is_first = false;
      write_ring(file, piece.outer_l0, place);
      for (const auto& hole : piece.holes_l0) {
        area -= ring_area(hole);
        file << ',';
        write_ring(file, hole, place);
      }
      fmt::format_to(out,
                     "]}},\"properties\":{{\"objectType\":\"annotation\",\"classification\":{{\"name\":{},"
                     "\"color\":[{},{},{}]}},\"measurements\":{{\"Area px\":{}}}}}}}",
                     name, red, green, blue, area);
    }
  }
  file << "\n]}\n";
  file.close();
  if (!file) throw Error(ErrorCode::io_error, fmt::format("{}: cannot be written.", path.string()));
  target.commit();
}

Image8 paint_labels(const Image8& picture, const Image8& labels, const LabelPaint& paint) {
  Image8 painted = picture;
  const auto width = labels.width(), height = labels.height();
  const auto label_at = [&](std::int64_t x, std::int64_t y) {
    return x < 0 || y < 0 || x >= width || y >= height ? std::uint8_t{0} : *labels.pixel(x, y);
  };
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      const auto label = label_at(x, y);
      if (label == 0) continue;
      const bool is_edge =
          paint.has_outlines && (label_at(x - 1, y) != label || label_at(x + 1, y) != label ||
                                 label_at(x, y - 1) != label || label_at(x, y + 1) != label);
      const double share = is_edge ? 1 : paint.opacity;
      const auto colour = class_colour(label);
      auto* pixel = painted.pixel(x, y);
      for (std::size_t c = 0; c < 3; ++c)
        pixel[c] = static_cast<std::uint8_t>(std::lround(share * colour[c] + (1 - share) * pixel[c]));
    }
  }
  return painted;
}

Image8 resize_labels(const Image8& labels, SizeI size) {
  Image8 resized(size.width, size.height, 1);
  for (std::int64_t y = 0; y < size.height; ++y) {
    const auto* row = labels.row((2 * y + 1) * labels.height() / (2 * size.height));
    for (std::int64_t x = 0; x < size.width; ++x)
      *resized.pixel(x, y) = row[(2 * x + 1) * labels.width() / (2 * size.width)];
  }
  return resized;
}

}  // namespace imaging
