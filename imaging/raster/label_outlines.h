#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "imaging/base/geometry.h"
#include "imaging/base/image.h"

namespace imaging {

/// Where a label map lies in its picture.
struct LabelPlace {
  PointD origin_l0;       ///< of the top left corner of its first pixel
  PointD pixel_l0{1, 1};  ///< size of its pixels
};

/// Writes every connected piece (4 neighbours) of every class but the background as a QuPath annotation: a
/// FeatureCollection of polygons with holes along the pixels' edges in level-0 pixels, `classification` with
/// name and colour, and `measurements` with the area in pixels of the label map. Atomic; the same labels give
/// the same bytes.
///
/// @param class_names  background first
/// @throws Error       `io_error`
/// @par Cost           A byte per pixel and class at a time, and the outlines.
void write_label_geojson(const std::filesystem::path& path, const Image8& labels,
                         const std::vector<std::string>& class_names, const LabelPlace& place);

struct LabelPaint {
  double opacity = 0.35;     ///< of a class's inside
  bool has_outlines = true;  ///< pixels at a class's edge in full colour
};

/// Labels over a picture of the same size, in the colours of class_colour.
/// @param picture  H x W x 3, RGB
/// @param labels   H x W x 1
[[nodiscard]] Image8 paint_labels(const Image8& picture, const Image8& labels, const LabelPaint& paint = {});

/// Every pixel's label from the one in its middle; never interpolated.
[[nodiscard]] Image8 resize_labels(const Image8& labels, SizeI size);

}  // namespace imaging
