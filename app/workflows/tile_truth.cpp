#include "app/workflows/tile_truth.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <limits>
#include <nlohmann/json.hpp>

#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/base/json_text.h"

namespace workflows {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using Json = nlohmann::json;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string text_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// What a feature is called: its classification first, else its name.
std::string class_of(const Json& feature) {
  const auto properties = feature.find("properties");
  if (properties == feature.end() || !properties->is_object()) return {};
  const auto classification = properties->find("classification");
  if (classification != properties->end()) {
    if (classification->is_string()) return classification->get<std::string>();
    if (classification->is_object()) return text_at(*classification, "name");
  }
  return text_at(*properties, "name");
}

std::vector<imaging::PointD> read_ring(const Json& ring) {
  std::vector<imaging::PointD> points;
  points.reserve(ring.size());
  for (const auto& point : ring) points.push_back({point.at(0).get<double>(), point.at(1).get<double>()});
  return points;
}

bool is_inside_ring(const std::vector<imaging::PointD>& ring, imaging::PointD p) {
  bool is_inside = false;
  for (std::size_t i = 0, j = ring.size() - 1; i < ring.size(); j = i++) {
    const auto& a = ring[i];
    const auto& b = ring[j];
    if ((a.y > p.y) != (b.y > p.y) && p.x < (b.x - a.x) * (p.y - a.y) / (b.y - a.y) + a.x)
      is_inside = !is_inside;
  }
  return is_inside;
}

}  // namespace

AnnotatedRegion AnnotatedRegion::read(const std::filesystem::path& geojson, const std::string& class_name) {
  const auto root = imaging::parse_json<Json>(imaging::read_file(geojson), geojson.string());
  AnnotatedRegion region;
  const auto add = [&](const Json& rings) {
    Polygon polygon;
    double left = std::numeric_limits<double>::infinity(), top = left, right = -left, bottom = -left;
    for (const auto& ring : rings) {
      polygon.rings_l0.push_back(read_ring(ring));
      for (const auto& point : polygon.rings_l0.back()) {
        left = std::min(left, point.x);
        right = std::max(right, point.x);
        top = std::min(top, point.y);
        bottom = std::max(bottom, point.y);
      }
    }
    polygon.bounds_l0 = {left, top, right - left, bottom - top};
    region.polygons_.push_back(std::move(polygon));
  };
  try {
    const auto& features = root.is_array() ? root : root.at("features");
    for (const auto& feature : features) {
      if (lower(class_of(feature)) != lower(class_name)) continue;
      const auto& geometry = feature.at("geometry");
      const auto type = text_at(geometry, "type");
      if (type == "Polygon") add(geometry.at("coordinates"));
      if (type == "MultiPolygon") {
        for (const auto& rings : geometry.at("coordinates")) add(rings);
      }
    }
  } catch (const Json::exception& error) {
    throw Error(ErrorCode::corrupt_data,
                fmt::format("{}: not a GeoJSON feature collection ({}).", geojson.string(), error.what()));
  }
  return region;
}

bool AnnotatedRegion::contains(imaging::PointD p) const {
  return std::any_of(polygons_.begin(), polygons_.end(), [p](const Polygon& polygon) {
    const auto& box = polygon.bounds_l0;
    if (p.x < box.x || p.y < box.y || p.x > box.right() || p.y > box.bottom()) return false;
    const auto crossed = std::count_if(polygon.rings_l0.begin(), polygon.rings_l0.end(),
                                       [p](const auto& ring) { return is_inside_ring(ring, p); });
    return crossed % 2 == 1;
  });
}

std::vector<std::int64_t> AnnotatedRegion::label_tiles(const std::vector<std::int64_t>& coords,
                                                       imaging::PointD side_l0) const {
  constexpr int kGrid = 4;
  std::vector<std::int64_t> labels;
  labels.reserve(coords.size() / 2);
  for (std::size_t i = 0; i + 1 < coords.size(); i += 2) {
    int inside = 0;
    for (int row = 0; row < kGrid; ++row) {
      for (int column = 0; column < kGrid; ++column) {
        inside += contains({static_cast<double>(coords[i]) + side_l0.x * (column + 0.5) / kGrid,
                            static_cast<double>(coords[i + 1]) + side_l0.y * (row + 0.5) / kGrid})
                      ? 1
                      : 0;
      }
    }
    labels.push_back(2 * inside >= kGrid * kGrid ? 1 : 0);
  }
  return labels;
}

}  // namespace workflows
