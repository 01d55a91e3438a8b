#pragma once

#include <QColor>
#include <QPolygonF>
#include <QRectF>
#include <unordered_map>
#include <vector>

#include "app/viewmodels/annotation_document.h"

namespace viewmodels {

/// An annotation as painters want it, level-0 pixels.
struct AnnotationShape {
  QRectF bounds_l0;
  imaging::GeometryKind kind = imaging::GeometryKind::points;
  std::vector<QPolygonF> rings_l0;
  QColor colour;
};

[[nodiscard]] AnnotationShape shape_of(const imaging::Annotation& item);

/// Shapes of a document's annotations in their order. What has not changed is not made again.
class AnnotationShapes {
 public:
  void update(const std::vector<AnnotationDocument::Item>& items);
  [[nodiscard]] const std::vector<std::shared_ptr<const AnnotationShape>>& shapes() const { return shapes_; }

 private:
  struct Known {
    AnnotationDocument::Item item;  // held, so that its address stays its own
    std::shared_ptr<const AnnotationShape> shape;
  };
  std::unordered_map<const imaging::Annotation*, Known> known_;
  std::vector<std::shared_ptr<const AnnotationShape>> shapes_;
};

}  // namespace viewmodels
