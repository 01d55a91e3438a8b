#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "imaging/annotation/annotation_files.h"
#include "imaging/annotation/detail/geojson_feature.h"
#include "imaging/base/error.h"

namespace imaging {
namespace {

using Json = nlohmann::ordered_json;
using Ring = AnnotationGeometry::Ring;

constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxKeys = 10'000;
constexpr double kFarthest = 1e9;  // level-0 pixels
constexpr const char* kNotesKey = "ANNOTATION_DESCRIPTION";

constexpr std::array kGeometryTypes{"Point",           "MultiPoint", "LineString",
                                    "MultiLineString", "Polygon",    "MultiPolygon"};
/// What QuPath before 0.2 wrote as a feature's id.
constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kLegacyIds{
    {{"PathAnnotationObject", "annotation"},
     {"PathDetectionObject", "detection"},
     {"PathCellObject", "cell"},
     {"PathTileObject", "tile"},
     {"TMACoreObject", "tmaCore"},
     {"PathRootObject", "root"}}};

[[noreturn]] void refuse(std::string_view source, std::string_view what) {
  throw Error(ErrorCode::corrupt_data, fmt::format("{}: not GeoJSON of annotations, {}.", source, what));
}

/// Takes a member out of an object.
std::optional<Json> take(Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return std::nullopt;
  Json value = std::move(*found);
  object.erase(key);
  return value;
}

std::string take_text(Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) return {};
  auto text = found->get<std::string>();
  object.erase(key);
  return text;
}

std::optional<Rgb8> colour_of(const Json& value) {
  if (value.is_number_integer()) {  // packed ARGB, negative where opaque
    const auto packed = value.is_number_unsigned() ? static_cast<std::int64_t>(value.get<std::uint64_t>())
                                                   : value.get<std::int64_t>();
    return Rgb8{static_cast<std::uint8_t>(packed >> 16 & 255), static_cast<std::uint8_t>(packed >> 8 & 255),
                static_cast<std::uint8_t>(packed & 255)};
  }
  if (!value.is_array() || value.size() < 3) return std::nullopt;
  Rgb8 colour{};
  for (std::size_t i = 0; i < 3; ++i) {
    if (!value[i].is_number_integer()) return std::nullopt;
    const auto level = value[i].get<std::int64_t>();
    if (level < 0 || level > 255) return std::nullopt;
    colour[i] = static_cast<std::uint8_t>(level);
  }
  return colour;
}

/// Takes the colour; one with an alpha stays too, to be written back.
std::optional<Rgb8> take_colour(Json& object) {
  for (const char* key : {"color", "colorRGB"}) {
    const auto found = object.find(key);
    if (found == object.end()) continue;
    const auto colour = colour_of(*found);
    if (!colour) continue;
    if (!found->is_array() || found->size() == 3) object.erase(key);
    return colour;
  }
  return std::nullopt;
}

void put_colour(Json& object, const std::optional<Rgb8>& colour) {
  if (!colour) return;
  const auto kept = object.find("color");
  if (kept != object.end() && colour_of(*kept) == colour) return;
  object["color"] = *colour;
}

void take_classification(Json& properties, Annotation& item, std::string_view source) {
  auto value = take(properties, "classification");
  if (!value || value->is_null()) return;
  if (value->is_string()) {
    item.class_name = value->get<std::string>();
    return;
  }
  if (!value->is_object()) refuse(source, "a classification is neither text nor an object");
  if (const auto names = take(*value, "names"); names && names->is_array()) {
    for (const auto& name : *names) {
      if (!name.is_string()) refuse(source, "a class name is no text");
      item.class_name += (item.class_name.empty() ? "" : ": ") + name.get<std::string>();
    }
  }
  const auto name = take_text(*value, "name");
  if (item.class_name.empty()) item.class_name = name;
  item.class_colour = take_colour(*value);
  if (!value->empty()) properties["classification"] = std::move(*value);
}

/// Measurements as an object, whichever way they came.
void straighten_measurements(Json& properties) {
  const auto found = properties.find("measurements");
  if (found == properties.end() || !found->is_array() || found->size() > kMaxKeys) return;
  auto measurements = Json::object();
  for (const auto& entry : *found) {
    if (!entry.is_object() || !entry.contains("name") || !entry["name"].is_string() ||
        !entry.contains("value"))
      return;
    measurements[entry["name"].get<std::string>()] = entry["value"];
  }
  *found = std::move(measurements);
}

void take_notes(Json& properties, Annotation& item) {
  const auto found = properties.find("metadata");
  if (found == properties.end() || !found->is_object()) return;
  item.notes = take_text(*found, kNotesKey);
  if (found->empty()) properties.erase("metadata");
}

PointD read_point(const Json& json, std::string_view source) {
  if (!json.is_array() || json.size() < 2 || !json[0].is_number() || !json[1].is_number())
    refuse(source, "a position is not two numbers");
  const PointD point{json[0].get<double>(), json[1].get<double>()};
  if (!(std::abs(point.x) <= kFarthest && std::abs(point.y) <= kFarthest))
    refuse(source, fmt::format("a position is {}, {}", point.x, point.y));
  return point;
}

Ring read_ring(const Json& json, bool is_closed, std::string_view source) {
  if (!json.is_array()) refuse(source, "a line is no list of positions");
  Ring ring;
  ring.reserve(json.size());
  for (const auto& point : json) ring.push_back(read_point(point, source));
  if (is_closed && ring.size() > 1 && ring.front() == ring.back()) ring.pop_back();
  return ring;
}

AnnotationGeometry::Part read_polygon(const Json& json, std::string_view source) {
  if (!json.is_array()) refuse(source, "a polygon is no list of rings");
  AnnotationGeometry::Part part;
  for (const auto& ring : json) part.push_back(read_ring(ring, true, source));
  if (!part.empty() && part.front().empty()) part.clear();  // holes of nothing
  std::erase_if(part, [](const Ring& ring) { return ring.empty(); });
  return part;
}

/// @return  without parts where there is nothing that can be painted
AnnotationGeometry read_geometry(const std::string& type, const Json& coordinates, std::string_view source) {
  AnnotationGeometry geometry;
  const auto add = [&](AnnotationGeometry::Part part) {
    if (!part.empty() && !part.front().empty()) geometry.parts.push_back(std::move(part));
  };
  const auto each = [&](auto&& body) {
    if (!coordinates.is_array()) refuse(source, "coordinates are no list");
    for (const auto& entry : coordinates) body(entry);
  };
  if (type == "Point") {
    add({{read_point(coordinates, source)}});
  } else if (type == "MultiPoint") {
    add({read_ring(coordinates, false, source)});
  } else if (type == "LineString") {
    geometry.kind = GeometryKind::lines;
    add({read_ring(coordinates, false, source)});
  } else if (type == "MultiLineString") {
    geometry.kind = GeometryKind::lines;
    each([&](const Json& line) { add({read_ring(line, false, source)}); });
  } else if (type == "Polygon") {
    geometry.kind = GeometryKind::polygons;
    add(read_polygon(coordinates, source));
  } else if (type == "MultiPolygon") {
    geometry.kind = GeometryKind::polygons;
    each([&](const Json& polygon) { add(read_polygon(polygon, source)); });
  }
  return geometry;
}

bool is_geometry_type(const Json& object) {
  const auto type = object.find("type");
  return type != object.end() && type->is_string() &&
         std::ranges::find(kGeometryTypes, type->get<std::string>()) != kGeometryTypes.end();
}

class Reader {
 public:
  explicit Reader(std::string_view source) : source_(source) {}

  AnnotationSet read(Json root) {
    if (root.is_array()) {
      take_features(root, {});
    } else if (root.is_object() && root.contains("features")) {
      auto features = take(root, "features");
      take_features(*features, {});
      root.erase("type");
      set_.extra = std::move(root);
    } else if (root.is_object() && is_geometry_type(root)) {
      take_features(Json::array({Json{{"type", "Feature"}, {"geometry", std::move(root)}}}), {});
    } else if (root.is_object() && root.contains("geometry")) {
      take_features(Json::array({std::move(root)}), {});
    } else {
      refuse(source_, "it holds no features");
    }
    if (skipped_ > 0) {
      set_.warnings.push_back(fmt::format(
          "{}: {} features without a geometry that can be drawn were left out.", source_, skipped_));
    }
    return std::move(set_);
  }

 private:
  void take_features(Json features, const std::string& parent_id) {
    if (!features.is_array()) refuse(source_, "features are no list");
    for (auto& feature : features) take_feature(std::move(feature), parent_id);
  }

  void take_feature(Json feature, const std::string& parent_id) {
    if (!feature.is_object()) refuse(source_, "a feature is no object");
    auto geometry = take(feature, "geometry");
    std::vector<Json> children;
    if (const auto properties = feature.find("properties");
        properties != feature.end() && properties->is_object()) {
      for (const char* key : {"childObjects", "children"}) {
        if (auto value = take(*properties, key)) children.push_back(std::move(*value));
      }
    }
    auto item = detail::read_feature(std::move(feature), source_);
    item.parent_id = parent_id;
    if (geometry && geometry->is_object() && geometry->contains("coordinates")) {
      const auto type = take_text(*geometry, "type");
      const auto coordinates = take(*geometry, "coordinates");
      item.geometry = read_geometry(type, *coordinates, source_);
      if (const auto ellipse = geometry->find("isEllipse");
          ellipse != geometry->end() && ellipse->is_boolean()) {
        item.geometry.is_ellipse = ellipse->get<bool>() && item.geometry.kind == GeometryKind::polygons;
        geometry->erase("isEllipse");
      }
      item.geometry_extra = std::move(*geometry);
    }
    auto family = parent_id;
    if (item.geometry.parts.empty()) {
      ++skipped_;
    } else {
      if (!children.empty() && item.id.empty()) item.id = fmt::format("tessera-{}", set_.items.size());
      family = item.id;
      set_.items.push_back(std::move(item));
    }
    for (auto& child : children) {
      if (child.is_object()) child = Json::array({std::move(child)});
      if (!child.is_null()) take_features(std::move(child), family);
    }
  }

  std::string_view source_;
  AnnotationSet set_;
  std::int64_t skipped_ = 0;
};

Json ring_json(const Ring& ring, bool is_closed) {
  auto json = Json::array();
  for (const auto& point : ring) json.push_back(Json::array({point.x, point.y}));
  if (is_closed && !ring.empty()) json.push_back(Json::array({ring.front().x, ring.front().y}));
  return json;
}

Json geometry_json(const Annotation& item) {
  const auto& geometry = item.geometry;
  const bool is_single = geometry.parts.size() == 1;
  auto coordinates = Json::array();
  std::string type;
  switch (geometry.kind) {
    case GeometryKind::points:
      coordinates = geometry.parts.empty() ? Json::array() : ring_json(geometry.parts[0][0], false);
      type = coordinates.size() == 1 ? "Point" : "MultiPoint";
      if (coordinates.size() == 1) coordinates = Json(coordinates[0]);
      break;
    case GeometryKind::lines:
      for (const auto& part : geometry.parts) coordinates.push_back(ring_json(part[0], false));
      type = is_single ? "LineString" : "MultiLineString";
      break;
    case GeometryKind::polygons:
      for (const auto& part : geometry.parts) {
        auto rings = Json::array();
        for (const auto& ring : part) rings.push_back(ring_json(ring, true));
        coordinates.push_back(std::move(rings));
      }
      type = is_single ? "Polygon" : "MultiPolygon";
      break;
  }
  if (geometry.kind != GeometryKind::points && is_single) coordinates = Json(coordinates[0]);
  Json json{{"type", type}, {"coordinates", std::move(coordinates)}};
  json.update(item.geometry_extra);
  if (geometry.is_ellipse) json["isEllipse"] = true;
  return json;
}

/// Items with their children inside them.
class Writer {
 public:
  explicit Writer(const AnnotationSet& set) : set_(set), children_(set.items.size()) {
    std::map<std::string, std::size_t> known;
    for (std::size_t i = 0; i < set.items.size(); ++i) {
      const auto& item = set.items[i];
      const auto parent = item.parent_id.empty() ? known.end() : known.find(item.parent_id);
      if (parent != known.end()) {
        children_[parent->second].push_back(i);
      } else {
        tops_.push_back(i);
      }
      if (!item.id.empty()) known.emplace(item.id, i);
    }
  }

  std::string write() const {
    std::string text = "{\"type\":\"FeatureCollection\"";
    for (const auto& [key, value] : set_.extra.items()) {
      if (key != "type" && key != "features")
        text += "," + detail::dump_json(Json(key)) + ":" + detail::dump_json(value);
    }
    text += ",\"features\":[";
    for (const auto top : tops_) {
      text += top == tops_.front() ? "\n" : ",\n";
      text += detail::dump_json(feature(top));
    }
    return text + "\n]}\n";
  }

 private:
  [[nodiscard]] Json feature(std::size_t index) const {
    const auto& item = set_.items[index];
    auto json = detail::feature_without_geometry(item);
    json["geometry"] = geometry_json(item);
    for (const auto child : children_[index]) json["properties"]["childObjects"].push_back(feature(child));
    return json;
  }

  const AnnotationSet& set_;
  std::vector<std::vector<std::size_t>> children_;
  std::vector<std::size_t> tops_;
};

}  // namespace

namespace detail {

Json parse_annotation_json(std::string_view text, std::string_view source) {
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  const auto check = [&](int depth, Json::parse_event_t event, Json& parsed) {
    using Event = Json::parse_event_t;
    if (depth > kMaxDepth) refuse(source, fmt::format("it is nested deeper than {} levels", kMaxDepth));
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end) keys.pop_back();
    if (event == Event::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!keys.back().insert(key).second && key != "metadata")
        refuse(source, fmt::format("an object has the key '{}' twice", key));
      if (keys.back().size() > kMaxKeys)
        refuse(source, fmt::format("an object has more than {} keys", kMaxKeys));
    }
    return true;
  };
  try {
    return Json::parse(text, check);
  } catch (const nlohmann::json::exception& error) {
    std::string_view cause = error.what();  // "[json.exception.parse_error.101] parse error at line 1, ..."
    if (const auto end = cause.find("] "); end != std::string_view::npos) cause.remove_prefix(end + 2);
    refuse(source, cause);
  }
}

std::string dump_json(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Annotation read_feature(Json feature, std::string_view source) {
  Annotation item;
  feature.erase("type");
  auto properties = take(feature, "properties").value_or(Json::object());
  if (properties.is_null()) properties = Json::object();
  if (!properties.is_object()) refuse(source, "properties are no object");
  if (const auto id = take(feature, "id"); id && !id->is_null())
    item.id = id->is_string() ? id->get<std::string>() : dump_json(*id);
  for (const auto& [legacy, type] : kLegacyIds) {
    if (item.id != legacy) continue;
    item.object_type = type;
    item.id.clear();
    break;
  }
  for (const char* key : {"objectType", "object_type", "type"}) {
    if (const auto type = take_text(properties, key); !type.empty()) {
      item.object_type = type;
      break;
    }
  }
  item.name = take_text(properties, "name");
  item.colour = take_colour(properties);
  take_classification(properties, item, source);
  if (const auto locked = properties.find("isLocked"); locked != properties.end() && locked->is_boolean()) {
    item.is_locked = locked->get<bool>();
    properties.erase("isLocked");
  }
  straighten_measurements(properties);
  take_notes(properties, item);
  item.properties_extra = std::move(properties);
  item.feature_extra = std::move(feature);
  return item;
}

Json feature_without_geometry(const Annotation& item) {
  Json json{{"type", "Feature"}};
  if (!item.id.empty()) json["id"] = item.id;
  json["geometry"] = nullptr;
  json.update(item.feature_extra);
  Json properties{{"objectType", item.object_type}};
  if (!item.name.empty()) properties["name"] = item.name;
  if (item.is_locked) properties["isLocked"] = true;
  properties.update(item.properties_extra);
  put_colour(properties, item.colour);
  if (!item.class_name.empty()) {
    Json classification = Json::object();
    constexpr std::string_view kSeparator = ": ";
    if (item.class_name.find(kSeparator) == std::string::npos) {
      classification["name"] = item.class_name;
    } else {
      std::string_view rest = item.class_name;
      auto names = Json::array();
      for (auto end = rest.find(kSeparator); end != std::string_view::npos; end = rest.find(kSeparator)) {
        names.push_back(rest.substr(0, end));
        rest.remove_prefix(end + kSeparator.size());
      }
      names.push_back(rest);
      classification["names"] = std::move(names);
    }
    if (const auto kept = properties.find("classification"); kept != properties.end() && kept->is_object())
      classification.update(*kept);
    put_colour(classification, item.class_colour);
    properties["classification"] = std::move(classification);
  } else {
    properties.erase("classification");
  }
  if (!item.notes.empty()) properties["metadata"][kNotesKey] = item.notes;
  json["properties"] = std::move(properties);
  return json;
}

}  // namespace detail

AnnotationSet parse_geojson(std::string_view text, std::string_view source_name) {
  return Reader(source_name).read(detail::parse_annotation_json(text, source_name));
}

std::string to_geojson(const AnnotationSet& set) {
  return Writer(set).write();
}

}  // namespace imaging
