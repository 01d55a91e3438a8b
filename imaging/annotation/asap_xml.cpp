#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include "imaging/annotation/annotation_files.h"
#include "imaging/annotation/detail/geojson_feature.h"
#include "imaging/annotation/detail/xml.h"
#include "imaging/base/error.h"

namespace imaging {
namespace {

using detail::XmlElement;
using Json = nlohmann::ordered_json;
using Ring = AnnotationGeometry::Ring;

constexpr const char* kGroups = "asap_groups";  // in AnnotationSet::extra
constexpr const char* kAsap = "asap";           // in Annotation::properties_extra
constexpr Rgb8 kDefaultColour{0xF4, 0xFA, 0x58};
// ASAP ignores attributes that it does not know.
constexpr const char* kFeature = "tessera";  // the feature, as GeoJSON without a geometry
constexpr const char* kOf = "tessera_of";    // rings with the same one are one annotation
constexpr const char* kPart = "tessera_part";
constexpr const char* kRing = "tessera_ring";

[[noreturn]] void refuse(std::string_view source, std::string_view what) {
  throw Error(ErrorCode::corrupt_data, fmt::format("{}: not an annotation file of ASAP, {}.", source, what));
}

template <typename Number>
std::optional<Number> number_of(const std::string* text) {
  if (text == nullptr) return std::nullopt;
  const auto* first = text->data();
  const auto* last = first + text->size();
  while (first != last && *first == ' ') ++first;
  if (first != last && *first == '+') ++first;
  Number value{};
  const auto [stop, failure] = std::from_chars(first, last, value);
  if (failure != std::errc{} || (stop != last && *stop != ' ')) return std::nullopt;
  return value;
}

std::optional<Rgb8> colour_of(const std::string& text) {
  std::uint32_t packed = 0;
  if (text.size() != 7 || text[0] != '#') return std::nullopt;
  const auto [stop, failure] = std::from_chars(text.data() + 1, text.data() + 7, packed, 16);
  if (failure != std::errc{} || stop != text.data() + 7) return std::nullopt;
  return Rgb8{static_cast<std::uint8_t>(packed >> 16), static_cast<std::uint8_t>(packed >> 8 & 255),
              static_cast<std::uint8_t>(packed & 255)};
}

std::string colour_text(const Rgb8& colour) {
  return fmt::format("#{:02x}{:02x}{:02x}", colour[0], colour[1], colour[2]);
}

Rgb8 shown_colour(const Annotation& item) {
  return item.colour ? *item.colour : item.class_colour.value_or(kDefaultColour);
}

/// The type that a geometry has of itself.
std::string plain_type(const AnnotationGeometry& geometry) {
  switch (geometry.kind) {
    case GeometryKind::points:
      return geometry.parts.size() == 1 && geometry.parts[0][0].size() == 1 ? "Dot" : "PointSet";
    case GeometryKind::lines:
      return "Measurement";
    case GeometryKind::polygons:
      return is_rectangle(geometry) ? "Rectangle" : "Polygon";
  }
  return "Polygon";
}

GeometryKind kind_of(const std::string& type) {
  if (type == "Dot" || type == "PointSet") return GeometryKind::points;
  return type == "Measurement" ? GeometryKind::lines : GeometryKind::polygons;
}

bool is_xml_name(std::string_view key) {
  return !key.empty() && std::isalpha(static_cast<unsigned char>(key[0])) != 0 &&
         std::ranges::all_of(key,
                             [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-'; });
}

bool is_ours(std::string_view key) {
  return key == "Name" || key == "PartOfGroup" || key == "Color" || key == kFeature || key == kOf ||
         key == kPart || key == kRing;
}

class Reader {
 public:
  explicit Reader(std::string_view source) : source_(source) {}

  AnnotationSet read(const std::vector<XmlElement>& roots) {
    bool is_asap = false;
    const auto walk = [&](const std::vector<XmlElement>& elements) {
      for (const auto& element : elements) {
        if (element.name == "Annotations") {
          is_asap = true;
          for (const auto& child : element.children) {
            if (child.name == "Annotation") take_annotation(child);
          }
        } else if (element.name == "AnnotationGroups") {
          is_asap = true;
          for (const auto& child : element.children) {
            if (child.name == "Group") take_group(child);
          }
        }
      }
    };
    walk(roots);
    for (const auto& root : roots) {
      if (root.name == "ASAP_Annotations") {
        is_asap = true;
        walk(root.children);
      }
    }
    if (!is_asap) refuse(source_, "it has neither Annotations nor AnnotationGroups");
    finish();
    return std::move(set_);
  }

 private:
  struct Rings {
    Annotation item;
    std::vector<std::pair<std::pair<std::int64_t, std::int64_t>, Ring>> rings;  ///< by part and ring
  };

  void take_annotation(const XmlElement& element) {
    auto ring = read_coordinates(element);
    if (ring.empty()) {
      ++skipped_;
      return;
    }
    const std::pair place{number_of<std::int64_t>(element.find(kPart)).value_or(0),
                          number_of<std::int64_t>(element.find(kRing)).value_or(0)};
    const auto* family = element.find(kOf);
    if (family != nullptr) {
      if (const auto known = families_.find(*family); known != families_.end()) {
        found_[known->second].rings.emplace_back(place, std::move(ring));
        return;
      }
      families_.emplace(*family, found_.size());
    }
    Rings rings;
    rings.item = read_item(element);
    rings.rings.emplace_back(place, std::move(ring));
    found_.push_back(std::move(rings));
  }

  Ring read_coordinates(const XmlElement& element) const {
    std::vector<std::pair<std::int64_t, PointD>> ordered;
    for (const auto& list : element.children) {
      if (list.name != "Coordinates") continue;
      for (const auto& coordinate : list.children) {
        if (coordinate.name != "Coordinate") continue;
        const auto x = number_of<double>(coordinate.find("X"));
        const auto y = number_of<double>(coordinate.find("Y"));
        if (!x || !y || !(std::abs(*x) <= 1e9 && std::abs(*y) <= 1e9))
          refuse(source_, "a coordinate has no X and Y that are numbers");
        const auto order = number_of<std::int64_t>(coordinate.find("Order"));
        ordered.emplace_back(order.value_or(static_cast<std::int64_t>(ordered.size())), PointD{*x, *y});
      }
    }
    std::ranges::stable_sort(ordered, {}, &std::pair<std::int64_t, PointD>::first);
    Ring ring;
    ring.reserve(ordered.size());
    for (const auto& [order, point] : ordered) ring.push_back(point);
    return ring;
  }

  Annotation read_item(const XmlElement& element) {
    const auto text = [&](const char* key) {
      const auto* value = element.find(key);
      return value == nullptr ? std::string() : *value;
    };
    Annotation item;
    if (const auto* feature = element.find(kFeature)) {
      auto json = detail::parse_annotation_json(*feature, source_);
      if (!json.is_object()) refuse(source_, "its attribute 'tessera' is no feature");
      json.erase("geometry");
      std::string parent;
      if (json.contains("tessera_parent") && json["tessera_parent"].is_string())
        parent = json["tessera_parent"].get<std::string>();
      json.erase("tessera_parent");
      item.geometry.is_ellipse = json.contains("isEllipse");
      json.erase("isEllipse");
      auto extra = json.contains("tessera_geometry") ? json["tessera_geometry"] : Json::object();
      json.erase("tessera_geometry");
      item.geometry_extra = extra.is_object() ? std::move(extra) : Json::object();
      const auto ellipse = item.geometry.is_ellipse;
      const auto geometry_extra = item.geometry_extra;
      item = detail::read_feature(std::move(json), source_);
      item.geometry.is_ellipse = ellipse;
      item.geometry_extra = geometry_extra;
      item.parent_id = parent;
    }
    item.name = text("Name");
    const auto group = text("PartOfGroup");
    item.class_name = group == "None" ? std::string() : group;
    if (const auto colour = colour_of(text("Color"));
        colour && (element.find(kFeature) == nullptr || *colour != shown_colour(item)))
      item.colour = colour;
    item.geometry.kind = kind_of(text("Type"));
    auto asap = Json::object();
    for (const auto& [key, value] : element.attributes) {
      if (!is_ours(key)) asap[key] = value;  // Type too, until the geometry is known
    }
    item.properties_extra[kAsap] = std::move(asap);
    return item;
  }

  void take_group(const XmlElement& element) {
    auto group = Json::object();
    for (const auto& [key, value] : element.attributes) group[key] = value;
    for (const auto& list : element.children) {
      if (list.name != "Attributes") continue;
      auto entries = Json::array();
      for (const auto& entry : list.children) {
        auto attributes = Json::object();
        for (const auto& [key, value] : entry.attributes) attributes[key] = value;
        entries.push_back(std::move(attributes));
      }
      if (!entries.empty()) group["Attributes"] = std::move(entries);
    }
    if (const auto* colour = element.find("Color"); colour != nullptr && element.find("Name") != nullptr) {
      if (const auto rgb = colour_of(*colour)) class_colours_[*element.find("Name")] = *rgb;
    }
    groups_.push_back(std::move(group));
  }

  void finish() {
    for (auto& [item, rings] : found_) {
      std::ranges::stable_sort(rings, {}, &decltype(Rings::rings)::value_type::first);
      std::int64_t part = -1;
      bool is_first = true;
      for (auto& [place, ring] : rings) {
        const bool is_polygon = item.geometry.kind == GeometryKind::polygons;
        if (item.geometry.kind == GeometryKind::points && !is_first) {
          auto& points = item.geometry.parts[0][0];
          points.insert(points.end(), ring.begin(), ring.end());
          continue;
        }
        if (is_first || place.first != part || !is_polygon) item.geometry.parts.emplace_back();
        is_first = false;
        part = place.first;
        item.geometry.parts.back().push_back(std::move(ring));
      }
      auto& asap = item.properties_extra[kAsap];
      if (asap.contains("Type") && asap["Type"] == plain_type(item.geometry)) asap.erase("Type");
      if (asap.empty()) item.properties_extra.erase(kAsap);
      if (!item.class_colour) {
        const auto colour = class_colours_.find(item.class_name);
        if (colour != class_colours_.end()) item.class_colour = colour->second;
      }
      set_.items.push_back(std::move(item));
    }
    if (!groups_.empty()) set_.extra[kGroups] = std::move(groups_);
    if (skipped_ > 0)
      set_.warnings.push_back(
          fmt::format("{}: {} annotations without coordinates were left out.", source_, skipped_));
  }

  std::string_view source_;
  AnnotationSet set_;
  std::vector<Rings> found_;
  std::map<std::string, std::size_t> families_;
  std::map<std::string, Rgb8> class_colours_;
  Json groups_ = Json::array();
  std::int64_t skipped_ = 0;
};

std::string attribute(std::string_view key, std::string_view value) {
  return fmt::format(" {}=\"{}\"", key, detail::escape_xml(value));
}

class Writer {
 public:
  explicit Writer(const AnnotationSet& set) : set_(set) {}

  std::string write() {
    std::string text = "<?xml version=\"1.0\"?>\n<ASAP_Annotations>\n\t<Annotations>\n";
    for (std::size_t i = 0; i < set_.items.size(); ++i) append_item(text, i);
    text += "\t</Annotations>\n\t<AnnotationGroups>\n";
    if (const auto kept = set_.extra.find(kGroups); kept != set_.extra.end() && kept->is_array()) {
      for (const auto& group : *kept) append_group(text, group);
    }
    for (const auto& [name, colour] : used_groups_) {
      if (!written_groups_.contains(name))
        append_group(text, Json{{"Name", name}, {"PartOfGroup", "None"}, {"Color", colour_text(colour)}});
    }
    return text + "\t</AnnotationGroups>\n</ASAP_Annotations>\n";
  }

 private:
  /// What parse_asap_xml makes of the item where nothing is added for us.
  static Annotation without_feature(const Annotation& item) {
    Annotation plain;
    plain.name = item.name;
    plain.class_name = item.class_name;
    plain.class_colour = item.class_colour;
    plain.colour = shown_colour(item);
    plain.geometry = item.geometry;
    plain.geometry.is_ellipse = false;
    if (const auto asap = item.properties_extra.find(kAsap); asap != item.properties_extra.end())
      plain.properties_extra[kAsap] = *asap;
    return plain;
  }

  void append_item(std::string& text, std::size_t index) {
    const auto& item = set_.items[index];
    const auto& geometry = item.geometry;
    const auto asap = item.properties_extra.find(kAsap);
    const bool has_asap = asap != item.properties_extra.end() && asap->is_object();
    std::string type = plain_type(geometry);
    if (has_asap && asap->contains("Type") && (*asap)["Type"].is_string() &&
        kind_of((*asap)["Type"].get<std::string>()) == geometry.kind)
      type = (*asap)["Type"].get<std::string>();
    std::size_t rings = 0;
    for (const auto& part : geometry.parts) rings += part.size();
    bool is_first = true;
    for (std::size_t p = 0; p < geometry.parts.size(); ++p) {
      for (std::size_t r = 0; r < geometry.parts[p].size(); ++r) {
        const bool is_hole = r > 0;
        const auto name = item.class_name.empty() ? std::string("None") : item.class_name;
        const auto group = is_hole ? (item.class_name.empty() ? "holes" : item.class_name + " holes") : name;
        const auto colour = shown_colour(item);
        text += "\t\t<Annotation" + attribute("Name", item.name) + attribute("Type", type) +
                attribute("PartOfGroup", group) + attribute("Color", colour_text(colour));
        if (group != "None") used_groups_.emplace(group, item.class_colour.value_or(colour));
        if (has_asap) {
          for (const auto& [key, value] : asap->items()) {
            if (key != "Type" && !is_ours(key) && is_xml_name(key) && value.is_string())
              text += attribute(key, value.get<std::string>());
          }
        }
        if (rings > 1) {
          text += attribute(kOf, std::to_string(index)) + attribute(kPart, std::to_string(p)) +
                  attribute(kRing, std::to_string(r));
        }
        if (is_first && without_feature(item) != item) text += attribute(kFeature, feature_text(item));
        is_first = false;
        text += ">\n\t\t\t<Coordinates>\n";
        const auto& ring = geometry.parts[p][r];
        for (std::size_t i = 0; i < ring.size(); ++i)
          text +=
              fmt::format("\t\t\t\t<Coordinate Order=\"{}\" X=\"{}\" Y=\"{}\"/>\n", i, ring[i].x, ring[i].y);
        text += "\t\t\t</Coordinates>\n\t\t</Annotation>\n";
      }
    }
  }

  static std::string feature_text(const Annotation& item) {
    auto json = detail::feature_without_geometry(item);
    json.erase("geometry");
    if (auto properties = json.find("properties"); properties != json.end()) properties->erase(kAsap);
    if (item.geometry.is_ellipse) json["isEllipse"] = true;
    if (!item.geometry_extra.empty()) json["tessera_geometry"] = item.geometry_extra;
    if (!item.parent_id.empty()) json["tessera_parent"] = item.parent_id;
    return detail::dump_json(json);
  }

  void append_group(std::string& text, const Json& group) {
    if (!group.is_object()) return;
    text += "\t\t<Group";
    for (const auto& [key, value] : group.items()) {
      if (value.is_string() && is_xml_name(key)) text += attribute(key, value.get<std::string>());
      if (key == "Name" && value.is_string()) written_groups_.insert(value.get<std::string>());
    }
    text += ">\n\t\t\t<Attributes>";
    if (const auto entries = group.find("Attributes"); entries != group.end() && entries->is_array()) {
      for (const auto& entry : *entries) {
        if (!entry.is_object()) continue;
        text += "<Attribute";
        for (const auto& [key, value] : entry.items()) {
          if (value.is_string() && is_xml_name(key)) text += attribute(key, value.get<std::string>());
        }
        text += "/>";
      }
    }
    text += "</Attributes>\n\t\t</Group>\n";
  }

  const AnnotationSet& set_;
  std::map<std::string, Rgb8> used_groups_;
  std::set<std::string> written_groups_;
};

}  // namespace

AnnotationSet parse_asap_xml(std::string_view text, std::string_view source_name) {
  return Reader(source_name).read(detail::parse_xml(text, source_name));
}

std::string to_asap_xml(const AnnotationSet& set) {
  return Writer(set).write();
}

}  // namespace imaging
