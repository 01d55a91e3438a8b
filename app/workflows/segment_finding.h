#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "imaging/base/geometry.h"
#include "imaging/raster/label_counter.h"
#include "imaging/slide/volume.h"

namespace workflows {

/// One number that was measured on a label map.
struct SegmentMeasurement {
  std::string name;             ///< "area", "share", "objects", "vertical diameter", ...
  std::string subject;          ///< a class, or "cup / disc"
  std::optional<double> value;  ///< absent where it is not defined: "not available"
  std::string unit;             ///< "px", "mm2", "mm", "voxels", "mm3", "share", "count", "ratio"
};

/// What a segmentation adds to a case: the content of result.json's `segmentation`.
struct SegmentFinding {
  std::vector<std::string> class_names = {};  ///< background first
  std::string mask = {};                      ///< file in the case folder
  std::string regions = {};                   ///< the outlines' file; empty where there are none
  imaging::SizeI mask_size = {};              ///< pixels; of a slice, where there are several
  std::int64_t slices = 1;
  imaging::PointD origin_l0 = {}, pixel_l0 = {1, 1};  ///< where the mask lies in the picture
  double regions_step = 1;    ///< mask pixels per step of the outlines; above 1 in a mask too large to trace
  std::string share_of = {};  ///< what shares are of: "field of view", "picture", "volume"
  std::vector<SegmentMeasurement> measurements = {};
};

[[nodiscard]] nlohmann::ordered_json to_json(const SegmentFinding& finding);
/// @throws nlohmann::json::exception where a key is missing or of another type.
[[nodiscard]] SegmentFinding segment_finding_from_json(const nlohmann::json& json);

/// "measurement,class,value,unit" and a row for each; an undefined value is "not available".
[[nodiscard]] std::string measurements_csv(const std::vector<SegmentMeasurement>& measurements);

/// The regions that are counted for a set of classes: every class but the background, and disc with cup where
/// there are both.
[[nodiscard]] std::vector<std::vector<std::uint8_t>> counted_regions(
    const std::vector<std::string>& class_names);

/// What people ask of a label map.
///
/// Of every class its area (px, and mm² where the size of a pixel is known), its share and its objects
/// (8-connected pieces). Where there are classes `disc` and `cup`: disc with cup as a whole, the vertical
/// diameters of both (height of the largest piece) and the ratios of diameters and of areas, cup over disc.
/// Of a class whose name begins with `vessel`, its density: its share of the field of view.
/// @param counts    of counted_regions
/// @param whole     pixels that shares are of
/// @param has_field whole is a field of view
/// @param pixel_mm  size of a pixel, where known
[[nodiscard]] std::vector<SegmentMeasurement> measure_labels(const std::vector<std::string>& class_names,
                                                             const std::vector<imaging::RegionCount>& counts,
                                                             std::int64_t whole, bool has_field,
                                                             const std::optional<imaging::PointD>& pixel_mm);

/// Volume (voxels, and mm³ where the spacing is known) and share of every class.
/// @param labels  geometry.voxels() values
[[nodiscard]] std::vector<SegmentMeasurement> measure_volume(const std::vector<std::string>& class_names,
                                                             const std::vector<std::uint8_t>& labels,
                                                             const imaging::VolumeGeometry& geometry);

}  // namespace workflows
