#include "imaging/annotation/annotation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace imaging {
namespace {

using Ring = AnnotationGeometry::Ring;

constexpr int kEllipseCorners = 64;

template <typename Visit>
void each_point(const AnnotationGeometry& geometry, Visit&& visit) {
  for (const auto& part : geometry.parts) {
    for (const auto& ring : part) std::for_each(ring.begin(), ring.end(), visit);
  }
}

/// Twice the area; positive where the ring runs clockwise (y down).
double signed_double_area(const Ring& ring) {
  double sum = 0;
  for (std::size_t i = 0, j = ring.size() - 1; i < ring.size(); j = i++)
    sum +=
        (ring[j].x - ring[0].x) * (ring[i].y - ring[0].y) - (ring[i].x - ring[0].x) * (ring[j].y - ring[0].y);
  return sum;
}

bool is_inside_ring(const Ring& ring, PointD p) {
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

RectD bounds_of(const AnnotationGeometry& geometry) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  double left = kInfinity;
  double top = kInfinity;
  double right = -kInfinity;
  double bottom = -kInfinity;
  each_point(geometry, [&](const PointD& point) {
    left = std::min(left, point.x);
    right = std::max(right, point.x);
    top = std::min(top, point.y);
    bottom = std::max(bottom, point.y);
  });
  return left <= right ? RectD{left, top, right - left, bottom - top} : RectD{};
}

bool contains(const AnnotationGeometry& geometry, PointD point_l0) {
  if (geometry.kind != GeometryKind::polygons) return false;
  return std::ranges::any_of(geometry.parts, [&](const AnnotationGeometry::Part& part) {
    const auto crossed =
        std::ranges::count_if(part, [&](const Ring& ring) { return is_inside_ring(ring, point_l0); });
    return crossed % 2 == 1;
  });
}

double area_of(const AnnotationGeometry& geometry, PointD pixel) {
  if (geometry.kind != GeometryKind::polygons) return 0;
  if (geometry.is_ellipse) {
    const auto box = bounds_of(geometry);
    return std::numbers::pi / 4 * box.width * box.height * pixel.x * pixel.y;
  }
  double sum = 0;
  for (const auto& part : geometry.parts) {
    for (std::size_t i = 0; i < part.size(); ++i) {
      const auto area = part[i].empty() ? 0 : std::abs(signed_double_area(part[i])) / 2;
      sum += i == 0 ? area : -area;
    }
  }
  return sum * pixel.x * pixel.y;
}

double length_of(const AnnotationGeometry& geometry, PointD pixel) {
  if (geometry.kind == GeometryKind::points) return 0;
  double sum = 0;
  const auto add = [&](PointD a, PointD b) {
    sum += std::hypot((b.x - a.x) * pixel.x, (b.y - a.y) * pixel.y);
  };
  for (const auto& part : geometry.parts) {
    for (const auto& ring : part) {
      for (std::size_t i = 1; i < ring.size(); ++i) add(ring[i - 1], ring[i]);
      if (geometry.kind == GeometryKind::polygons && ring.size() > 1) add(ring.back(), ring.front());
    }
  }
  return sum;
}

bool is_rectangle(const AnnotationGeometry& geometry) {
  if (geometry.kind != GeometryKind::polygons || geometry.is_ellipse || geometry.parts.size() != 1 ||
      geometry.parts[0].size() != 1 || geometry.parts[0][0].size() != 4)
    return false;
  const auto& ring = geometry.parts[0][0];
  for (std::size_t i = 0; i < 4; ++i) {  // sides alternate between the axes
    const auto& a = ring[i];
    const auto& b = ring[(i + 1) % 4];
    const auto& c = ring[(i + 2) % 4];
    const bool turns = (a.x == b.x && b.y == c.y) || (a.y == b.y && b.x == c.x);
    if (!turns) return false;
  }
  return true;
}

AnnotationGeometry rectangle_geometry(RectD rect) {
  return {
      GeometryKind::polygons,
      {{{{rect.x, rect.y}, {rect.right(), rect.y}, {rect.right(), rect.bottom()}, {rect.x, rect.bottom()}}}},
      false};
}

AnnotationGeometry ellipse_geometry(RectD rect) {
  Ring ring;
  for (int i = 0; i < kEllipseCorners; ++i) {
    const auto angle = 2 * std::numbers::pi * i / kEllipseCorners;
    ring.push_back(
        {rect.x + rect.width * (1 + std::cos(angle)) / 2, rect.y + rect.height * (1 + std::sin(angle)) / 2});
  }
  return {GeometryKind::polygons, {{std::move(ring)}}, true};
}

std::optional<std::string> foreign_annotations(const AnnotationSet& set, SizeI slide) {
  std::size_t outside = 0;
  double right = 0;
  double bottom = 0;
  for (const auto& item : set.items) {
    const auto box = bounds_of(item.geometry);
    const bool is_inside = box.x >= -1 && box.y >= -1 &&
                           box.right() <= static_cast<double>(slide.width) + 1 &&
                           box.bottom() <= static_cast<double>(slide.height) + 1;
    if (is_inside) continue;
    ++outside;
    right = std::max(right, box.right());
    bottom = std::max(bottom, box.bottom());
  }
  if (2 * outside <= set.items.size()) return std::nullopt;
  return fmt::format(
      "{} of {} annotations reach outside this slide ({} x {} pixels; they reach to {:.0f}, "
      "{:.0f}): they seem to belong to another one.",
      outside, set.items.size(), slide.width, slide.height, right, bottom);
}

}  // namespace imaging
