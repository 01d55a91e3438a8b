#pragma once

#include <span>
#include <string>
#include <vector>

#include "imaging/annotation/annotation.h"
#include "imaging/base/image.h"
#include "imaging/raster/label_image.h"
#include "imaging/tissue/tissue_mask.h"

namespace imaging {

/// Paints the polygons of one annotation into a mask that is stretched over the whole slide: `value` wherever
/// a pixel's centre lies inside (even-odd within each polygon). Points and lines paint nothing.
///
/// @param mask  H x W x 1
/// @par Cost    O(corners log corners + rows + pixels painted)
void paint_annotation(Image8& mask, SizeI slide_size_l0, const AnnotationGeometry& geometry,
                      std::uint8_t value);

/// The tissue that lies inside at least one of the annotations' polygons. What was rejected is told as it
/// was.
/// @throws Error `no_tissue` where none does.
[[nodiscard]] TissueMask tissue_inside(const TissueMask& tissue, SizeI slide_size_l0,
                                       std::span<const Annotation> regions);

/// A picture of class numbers, stretched over the whole slide: 0 where nothing is, i + 1 inside annotations
/// of classes[i]; later annotations lie over earlier ones. Annotations of other classes are left out.
/// @throws Error `invalid_argument` above 255 classes or 2^28 pixels.
[[nodiscard]] Image8 class_picture(const AnnotationSet& set, std::span<const std::string> classes,
                                   SizeI slide_size_l0, SizeI size);

/// The classes of the annotations that have an area, sorted; one without a class counts by its name.
[[nodiscard]] std::vector<std::string> area_classes(const AnnotationSet& set);

/// The way back: one annotation per number of a label picture that is stretched over the whole slide, its
/// pieces and holes traced along the edges of its pixels; class "1", "2" and so on, or as `names` has it
/// (names[i] for i + 1). Numbers are taken in order; 0 is background.
[[nodiscard]] AnnotationSet annotations_of_labels(const LabelImage& labels, SizeI slide_size_l0,
                                                  std::span<const std::string> names = {});

/// What an annotation is called: its class, else its name.
[[nodiscard]] const std::string& label_of(const Annotation& item);

}  // namespace imaging
