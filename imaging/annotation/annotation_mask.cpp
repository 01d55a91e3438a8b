#include "imaging/annotation/annotation_mask.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "imaging/base/error.h"
#include "imaging/tissue/tissue_outlines.h"

namespace imaging {
namespace {

constexpr std::int64_t kMaxPixels = 1LL << 28;

/// A side of a polygon in mask pixels, from its upper to its lower end.
struct Edge {
  double top, bottom, x_at_top, slope;
};

std::vector<Edge> edges_of(const AnnotationGeometry::Part& part, PointD mask_per_l0) {
  std::vector<Edge> edges;
  for (const auto& ring : part) {
    for (std::size_t i = 0, j = ring.size() - 1; i < ring.size(); j = i++) {
      PointD a{ring[j].x * mask_per_l0.x, ring[j].y * mask_per_l0.y};
      PointD b{ring[i].x * mask_per_l0.x, ring[i].y * mask_per_l0.y};
      if (a.y == b.y) continue;
      if (a.y > b.y) std::swap(a, b);
      edges.push_back({a.y, b.y, a.x, (b.x - a.x) / (b.y - a.y)});
    }
  }
  std::ranges::sort(edges, {}, &Edge::top);
  return edges;
}

/// First pixel whose centre is not left of (above) `value`, within 0..size.
std::int64_t first_centre(double value, std::int64_t size) {
  return static_cast<std::int64_t>(std::clamp(std::ceil(value - 0.5), 0.0, static_cast<double>(size)));
}

void paint_part(Image8& mask, const AnnotationGeometry::Part& part, PointD mask_per_l0, std::uint8_t value) {
  const auto edges = edges_of(part, mask_per_l0);
  if (edges.empty()) return;
  const auto lowest = std::ranges::max(edges, {}, &Edge::bottom).bottom;
  std::vector<const Edge*> active;
  std::vector<double> crossings;
  std::size_t next = 0;
  const auto end = first_centre(lowest, mask.height());
  for (auto y = first_centre(edges.front().top, mask.height()); y < end; ++y) {
    const auto centre = static_cast<double>(y) + 0.5;
    while (next < edges.size() && edges[next].top <= centre) active.push_back(&edges[next++]);
    std::erase_if(active, [centre](const Edge* edge) { return edge->bottom <= centre; });
    crossings.clear();
    for (const auto* edge : active) crossings.push_back(edge->x_at_top + (centre - edge->top) * edge->slope);
    std::ranges::sort(crossings);
    for (std::size_t i = 0; i + 1 < crossings.size(); i += 2) {
      const auto left = first_centre(crossings[i], mask.width());
      const auto right = first_centre(crossings[i + 1], mask.width());
      if (left < right) std::fill(mask.row(y) + left, mask.row(y) + right, value);
    }
  }
}

PointD scale_to(SizeI slide, const Image8& mask) {
  return {static_cast<double>(mask.width()) / static_cast<double>(slide.width),
          static_cast<double>(mask.height()) / static_cast<double>(slide.height)};
}

}  // namespace

void paint_annotation(Image8& mask, SizeI slide_size_l0, const AnnotationGeometry& geometry,
                      std::uint8_t value) {
  if (geometry.kind != GeometryKind::polygons) return;
  for (const auto& part : geometry.parts) paint_part(mask, part, scale_to(slide_size_l0, mask), value);
}

TissueMask tissue_inside(const TissueMask& tissue, SizeI slide_size_l0, std::span<const Annotation> regions) {
  Image8 inside(tissue.mask().width(), tissue.mask().height(), 1);
  for (const auto& region : regions) paint_annotation(inside, slide_size_l0, region.geometry, 255);
  bool has_tissue = false;
  auto kept = inside.values().begin();
  for (const auto value : tissue.mask().values()) {
    *kept = std::min(*kept, value);
    has_tissue = has_tissue || *kept != 0;
    ++kept;
  }
  if (!has_tissue)
    throw Error(ErrorCode::no_tissue,
                fmt::format("No tissue lies inside the {} annotations.", regions.size()));
  const auto per_l0 = scale_to(slide_size_l0, inside);
  auto pieces = trace_outlines(inside, {1 / per_l0.x, 1 / per_l0.y});
  return {std::move(inside), slide_size_l0, std::move(pieces), tissue.threshold(), tissue.rejected()};
}

AnnotationSet annotations_of_labels(const LabelImage& labels, SizeI slide_size_l0,
                                    std::span<const std::string> names) {
  std::set<std::uint16_t> numbers(labels.values().begin(), labels.values().end());
  numbers.erase(0);
  AnnotationSet set;
  Image8 mask(labels.width(), labels.height(), 1);
  const auto per_l0 = scale_to(slide_size_l0, mask);
  for (const auto number : numbers) {
    std::ranges::transform(labels.values(), mask.values().begin(), [number](std::uint16_t value) {
      return static_cast<std::uint8_t>(value == number ? 255 : 0);
    });
    Annotation item;
    item.class_name = number <= names.size() ? names[number - 1U] : std::to_string(number);
    item.geometry.kind = GeometryKind::polygons;
    for (auto& piece : trace_outlines(mask, {1 / per_l0.x, 1 / per_l0.y})) {
      AnnotationGeometry::Part part{std::move(piece.outer_l0)};
      for (auto& hole : piece.holes_l0) part.push_back(std::move(hole));
      item.geometry.parts.push_back(std::move(part));
    }
    set.items.push_back(std::move(item));
  }
  return set;
}

const std::string& label_of(const Annotation& item) {
  return item.class_name.empty() ? item.name : item.class_name;
}

std::vector<std::string> area_classes(const AnnotationSet& set) {
  std::set<std::string> classes;
  for (const auto& item : set.items) {
    if (item.geometry.kind == GeometryKind::polygons && !label_of(item).empty())
      classes.insert(label_of(item));
  }
  return {classes.begin(), classes.end()};
}

Image8 class_picture(const AnnotationSet& set, std::span<const std::string> classes, SizeI slide_size_l0,
                     SizeI size) {
  if (classes.size() > 255) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} classes do not fit a picture of class numbers; 255 do.", classes.size()));
  }
  if (size.width < 1 || size.height < 1 || size.width > kMaxPixels / size.height) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("A mask of {} x {} pixels is too large; choose a coarser scale.", size.width,
                            size.height));
  }
  Image8 picture(size.width, size.height, 1);
  for (const auto& item : set.items) {
    const auto found = std::ranges::find(classes, label_of(item));
    if (found != classes.end())
      paint_annotation(picture, slide_size_l0, item.geometry,
                       static_cast<std::uint8_t>(found - classes.begin() + 1));
  }
  return picture;
}

}  // namespace imaging
