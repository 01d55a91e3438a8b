#include "app/viewmodels/annotation_shapes.h"

namespace viewmodels {

AnnotationShape shape_of(const imaging::Annotation& item) {
  AnnotationShape shape;
  const auto box = imaging::bounds_of(item.geometry);
  shape.bounds_l0 = {box.x, box.y, box.width, box.height};
  shape.kind = item.geometry.kind;
  shape.colour = annotation_colour(item);
  for (const auto& part : item.geometry.parts) {
    for (const auto& ring : part) {
      QPolygonF polygon;
      polygon.reserve(static_cast<qsizetype>(ring.size()));
      for (const auto& point : ring) polygon << QPointF(point.x, point.y);
      shape.rings_l0.push_back(std::move(polygon));
    }
  }
  return shape;
}

void AnnotationShapes::update(const std::vector<AnnotationDocument::Item>& items) {
  std::unordered_map<const imaging::Annotation*, Known> now;
  now.reserve(items.size());
  shapes_.clear();
  shapes_.reserve(items.size());
  for (const auto& item : items) {
    const auto found = known_.find(item.get());
    auto shape = found != known_.end() ? found->second.shape
                                       : std::make_shared<const AnnotationShape>(shape_of(*item));
    shapes_.push_back(shape);
    now.emplace(item.get(), Known{item, std::move(shape)});
  }
  known_ = std::move(now);
}

}  // namespace viewmodels
