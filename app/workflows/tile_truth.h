#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "imaging/annotation/annotation.h"
#include "imaging/base/geometry.h"

namespace workflows {

/// Outlines of one class from an annotation file, in level-0 pixels: who lies inside what a pathologist drew.
class AnnotatedRegion {
 public:
  /// The polygons of annotations whose class, or name where they have none, is `class_name`, ignoring case. A
  /// file without such an annotation gives an empty region.
  /// @throws Error as imaging::read_annotations.
  static AnnotatedRegion read(const std::filesystem::path& file, const std::string& class_name);

  /// Even-odd rule within each polygon, so that holes are outside.
  [[nodiscard]] bool contains(imaging::PointD point_l0) const;

  /// For each tile whether at least half of a 4 x 4 grid of points in it lies inside.
  /// @param coords    [N, 2] row-major, top left corners in level-0 pixels
  /// @param side_l0   of a tile
  /// @return          N values, 1 inside, 0 outside
  [[nodiscard]] std::vector<std::int64_t> label_tiles(const std::vector<std::int64_t>& coords,
                                                      imaging::PointD side_l0) const;

 private:
  struct Area {
    imaging::RectD bounds_l0;
    imaging::AnnotationGeometry geometry;
  };
  std::vector<Area> areas_;
};

}  // namespace workflows
