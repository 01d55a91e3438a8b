#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "imaging/base/geometry.h"

namespace imaging {

using Rgb8 = std::array<std::uint8_t, 3>;

enum class GeometryKind { points, lines, polygons };

/// Where an annotation lies, in level-0 pixels.
struct AnnotationGeometry {
  using Ring = std::vector<PointD>;
  using Part = std::vector<Ring>;

  GeometryKind kind = GeometryKind::points;
  /// points: one part of one ring that holds every point. lines: a part of one ring per line. polygons: a
  /// part per polygon, its outer ring first, then its holes, all closed implicitly.
  std::vector<Part> parts;
  bool is_ellipse = false;  ///< the one ring stands for the ellipse in its bounding box

  bool operator==(const AnnotationGeometry&) const = default;
};

/// Something that a person or a program marked on a slide.
struct Annotation {
  std::string id;  ///< empty where the file gives none
  AnnotationGeometry geometry;
  std::string object_type = "annotation";  ///< as QuPath names it: annotation, detection, cell, tile, tmaCore
  std::string name;
  std::string notes;
  std::string class_name;            ///< "Tumour", or "Tumour: Positive" for a derived class; empty for none
  std::optional<Rgb8> class_colour;  ///< of the class, as the file says
  std::optional<Rgb8> colour;        ///< of this annotation alone
  bool is_locked = false;
  std::string parent_id;  ///< of the one it belongs to, which comes before it; empty for none
  /// What the file says besides; comes back when it is written.
  nlohmann::ordered_json feature_extra = nlohmann::ordered_json::object();
  nlohmann::ordered_json geometry_extra = nlohmann::ordered_json::object();
  nlohmann::ordered_json properties_extra = nlohmann::ordered_json::object();

  bool operator==(const Annotation&) const = default;
};

/// The content of one annotation file.
struct AnnotationSet {
  std::vector<Annotation> items;
  nlohmann::ordered_json extra = nlohmann::ordered_json::object();  ///< what the file says of itself
  std::vector<std::string> warnings;  ///< what could not be taken, a sentence each; never written
};

/// Smallest rectangle around all points; zeros for an empty geometry.
[[nodiscard]] RectD bounds_of(const AnnotationGeometry& geometry);
/// Even-odd rule within each polygon, so that holes are outside; false for points and lines.
[[nodiscard]] bool contains(const AnnotationGeometry& geometry, PointD point_l0);
/// Area of the polygons without their holes. Unit: that of `pixel` squared. @param pixel  size of a level-0
/// pixel, x and y apart; {1, 1} gives pixels
[[nodiscard]] double area_of(const AnnotationGeometry& geometry, PointD pixel);
/// Length of the lines, or of all rings of the polygons. Unit: that of `pixel`.
[[nodiscard]] double length_of(const AnnotationGeometry& geometry, PointD pixel);
/// True for one polygon that is a rectangle along the axes.
[[nodiscard]] bool is_rectangle(const AnnotationGeometry& geometry);
/// A rectangle along the axes, or the ellipse within it (64 corners).
[[nodiscard]] AnnotationGeometry rectangle_geometry(RectD rect_l0);
[[nodiscard]] AnnotationGeometry ellipse_geometry(RectD rect_l0);

/// Why these can hardly be annotations of this slide: a sentence, or none where at least half of them lie
/// within it.
[[nodiscard]] std::optional<std::string> foreign_annotations(const AnnotationSet& set, SizeI slide_size_l0);

}  // namespace imaging
