#include "app/viewmodels/annotation_editor.h"

#include <algorithm>
#include <cmath>

namespace viewmodels {
namespace {

using imaging::AnnotationGeometry;
using imaging::GeometryKind;
using imaging::PointD;

constexpr std::size_t kMostHandles = 400;

double distance(PointD a, PointD b) {
  return std::hypot(a.x - b.x, a.y - b.y);
}

double distance_to_side(PointD p, PointD a, PointD b) {
  const auto length2 = (b.x - a.x) * (b.x - a.x) + (b.y - a.y) * (b.y - a.y);
  if (length2 == 0) return distance(p, a);
  const auto share = std::clamp(((p.x - a.x) * (b.x - a.x) + (p.y - a.y) * (b.y - a.y)) / length2, 0.0, 1.0);
  return distance(p, {a.x + share * (b.x - a.x), a.y + share * (b.y - a.y)});
}

bool is_near(const AnnotationGeometry& geometry, PointD p, double reach) {
  for (const auto& part : geometry.parts) {
    for (const auto& ring : part) {
      if (geometry.kind == GeometryKind::points) {
        if (std::ranges::any_of(ring, [&](PointD q) { return distance(p, q) <= 2 * reach; })) return true;
        continue;
      }
      for (std::size_t i = 0; i < ring.size(); ++i) {
        if (i + 1 == ring.size() && geometry.kind == GeometryKind::lines) break;
        if (distance_to_side(p, ring[i], ring[(i + 1) % ring.size()]) <= reach) return true;
      }
    }
  }
  return false;
}

/// A point of the geometry by its number over all rings.
PointD& corner_of(AnnotationGeometry& geometry, std::size_t number) {
  for (auto& part : geometry.parts) {
    for (auto& ring : part) {
      if (number < ring.size()) return ring[number];
      number -= ring.size();
    }
  }
  return geometry.parts.front().front().front();  // not reached: numbers come from handles()
}

imaging::RectD rect_between(PointD a, PointD b) {
  return {std::min(a.x, b.x), std::min(a.y, b.y), std::abs(a.x - b.x), std::abs(a.y - b.y)};
}

/// The geometry with one corner elsewhere; rectangles and ellipses stay what they are.
AnnotationGeometry with_corner(AnnotationGeometry geometry, std::size_t number, PointD l0) {
  if (imaging::is_rectangle(geometry))
    return imaging::rectangle_geometry(rect_between(geometry.parts[0][0][(number + 2) % 4], l0));
  if (geometry.is_ellipse) {  // its handles are the corners of its box
    const auto box = imaging::rectangle_geometry(imaging::bounds_of(geometry));
    return imaging::ellipse_geometry(rect_between(box.parts[0][0][(number + 2) % 4], l0));
  }
  corner_of(geometry, number) = l0;
  return geometry;
}

AnnotationGeometry moved_by(AnnotationGeometry geometry, double dx, double dy) {
  for (auto& part : geometry.parts) {
    for (auto& ring : part) {
      for (auto& point : ring) point = {point.x + dx, point.y + dy};
    }
  }
  return geometry;
}

}  // namespace

void AnnotationEditor::set_document(AnnotationDocument* document) {
  if (document == document_) return;
  reset();
  document_ = document;
  Q_EMIT changed();
}

void AnnotationEditor::set_tool(Tool tool) {
  if (tool == tool_) return;
  reset();
  tool_ = tool;
  Q_EMIT tool_changed();
  Q_EMIT changed();
}

void AnnotationEditor::set_class(const QString& name, const std::optional<imaging::Rgb8>& colour) {
  class_name_ = name;
  class_colour_ = colour;
}

bool AnnotationEditor::is_dragged_tool() const {
  return tool_ == Tool::rectangle || tool_ == Tool::ellipse || tool_ == Tool::freehand ||
         tool_ == Tool::ruler;
}

void AnnotationEditor::reset() {
  draft_.reset();
  corners_.clear();
  moved_row_ = -1;
  moved_corner_.reset();
}

bool AnnotationEditor::press(PointD l0, double reach_l0) {
  if (document_ == nullptr || tool_ == Tool::pan) return false;
  reach_l0_ = reach_l0;
  if (tool_ == Tool::select) return grab(l0, reach_l0);
  if (tool_ == Tool::polygon) {
    if (corners_.size() > 2 && distance(corners_.front(), l0) <= 2 * reach_l0) {
      finish();
      return true;
    }
    corners_.push_back(l0);
    update_draft(l0);
    return true;
  }
  corners_ = {l0};
  update_draft(l0);
  if (tool_ == Tool::point) add_draft();
  return true;
}

bool AnnotationEditor::grab(PointD l0, double reach_l0) {
  const auto taken = handles();
  const auto nearest = std::ranges::min_element(taken, {}, [l0](PointD p) { return distance(p, l0); });
  const bool at_corner = nearest != taken.end() && distance(*nearest, l0) <= 1.5 * reach_l0;
  const auto row = at_corner ? document_->selected() : row_at(l0, reach_l0);
  document_->select(row);
  if (row < 0) return false;  // a drag beside every annotation moves the slide
  const auto& item = *document_->items()[static_cast<std::size_t>(row)];
  if (item.is_locked) return true;
  moved_row_ = row;
  moved_from_ = l0;
  if (at_corner) moved_corner_ = static_cast<std::size_t>(nearest - taken.begin());
  return true;
}

void AnnotationEditor::move(PointD l0) {
  if (moved_row_ < 0 && corners_.empty()) return;
  update_draft(l0);
}

void AnnotationEditor::update_draft(PointD l0) {
  if (moved_row_ >= 0) {
    if (moved_row_ >= document_->rowCount()) return reset();  // undone under the hand
    const auto& geometry = document_->items()[static_cast<std::size_t>(moved_row_)]->geometry;
    draft_ = moved_corner_ ? with_corner(geometry, *moved_corner_, l0)
                           : moved_by(geometry, l0.x - moved_from_.x, l0.y - moved_from_.y);
  } else {
    switch (tool_) {
      case Tool::rectangle:
        draft_ = imaging::rectangle_geometry(rect_between(corners_.front(), l0));
        break;
      case Tool::ellipse:
        draft_ = imaging::ellipse_geometry(rect_between(corners_.front(), l0));
        break;
      case Tool::freehand:
        if (distance(corners_.back(), l0) >= reach_l0_ / 4) corners_.push_back(l0);
        draft_ = AnnotationGeometry{GeometryKind::polygons, {{corners_}}, false};
        break;
      case Tool::polygon: {
        auto ring = corners_;
        if (ring.back() != l0) ring.push_back(l0);
        draft_ = AnnotationGeometry{GeometryKind::polygons, {{std::move(ring)}}, false};
        break;
      }
      case Tool::ruler:
        draft_ = AnnotationGeometry{GeometryKind::lines, {{{corners_.front(), l0}}}, false};
        break;
      case Tool::point:
        draft_ = AnnotationGeometry{GeometryKind::points, {{{l0}}}, false};
        break;
      case Tool::pan:
      case Tool::select:
        break;
    }
  }
  Q_EMIT changed();
}

void AnnotationEditor::release(PointD l0) {
  if (moved_row_ >= 0) {
    const bool is_moved = draft_.has_value() && distance(moved_from_, l0) > 0;
    const auto row = moved_row_;
    auto draft = draft_;
    reset();
    if (is_moved && row < document_->rowCount()) {
      auto item = *document_->items()[static_cast<std::size_t>(row)];
      item.geometry = std::move(*draft);
      document_->replace(row, std::move(item));
    }
    Q_EMIT changed();
    return;
  }
  if (!is_dragged_tool() || corners_.empty()) return;
  update_draft(l0);
  const auto box = imaging::bounds_of(*draft_);
  if (std::max(box.width, box.height) < reach_l0_ / 2) {  // a click, not a drag
    reset();
    Q_EMIT changed();
    return;
  }
  add_draft();
}

void AnnotationEditor::double_click() {
  if (tool_ == Tool::polygon) finish();
}

void AnnotationEditor::finish() {
  if (tool_ != Tool::polygon || corners_.empty()) return;
  auto corners = corners_;
  corners.erase(std::unique(corners.begin(), corners.end(),
                            [this](PointD a, PointD b) { return distance(a, b) < reach_l0_ / 4; }),
                corners.end());
  if (corners.size() < 3) {
    reset();
    Q_EMIT changed();
    return;
  }
  draft_ = AnnotationGeometry{GeometryKind::polygons, {{std::move(corners)}}, false};
  add_draft();
}

void AnnotationEditor::add_draft() {
  imaging::Annotation item;
  item.geometry = std::move(*draft_);
  item.class_name = class_name_.toStdString();
  item.class_colour = class_colour_;
  reset();
  document_->add(std::move(item));
  Q_EMIT changed();
}

bool AnnotationEditor::cancel() {
  if (draft_ || !corners_.empty()) {
    reset();
    Q_EMIT changed();
    return true;
  }
  if (tool_ == Tool::pan) return false;
  set_tool(Tool::pan);
  return true;
}

bool AnnotationEditor::remove_selected() {
  if (document_ == nullptr || document_->selected() < 0) return false;
  reset();
  document_->remove({document_->selected()});
  return true;
}

std::vector<PointD> AnnotationEditor::handles() const {
  if (document_ == nullptr || document_->selected() < 0 || tool_ != Tool::select) return {};
  const auto& item = *document_->items()[static_cast<std::size_t>(document_->selected())];
  if (item.is_locked) return {};
  const auto geometry = item.geometry.is_ellipse
                            ? imaging::rectangle_geometry(imaging::bounds_of(item.geometry))
                            : item.geometry;
  std::vector<PointD> corners;
  for (const auto& part : geometry.parts) {
    for (const auto& ring : part) corners.insert(corners.end(), ring.begin(), ring.end());
  }
  if (corners.size() > kMostHandles) corners.clear();
  return corners;
}

int AnnotationEditor::row_at(PointD l0, double reach_l0) const {
  if (document_ == nullptr) return -1;
  for (int row = document_->rowCount() - 1; row >= 0; --row) {
    const auto& geometry = document_->items()[static_cast<std::size_t>(row)]->geometry;
    const auto box = imaging::bounds_of(geometry);
    const bool in_box = l0.x >= box.x - 2 * reach_l0 && l0.x <= box.right() + 2 * reach_l0 &&
                        l0.y >= box.y - 2 * reach_l0 && l0.y <= box.bottom() + 2 * reach_l0;
    if (in_box && (imaging::contains(geometry, l0) || is_near(geometry, l0, reach_l0))) return row;
  }
  return -1;
}

}  // namespace viewmodels
