#pragma once

#include <concepts>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "app/workflows/analyze.h"
#include "app/workflows/batch.h"
#include "app/workflows/segment_cases.h"
#include "imaging/base/job.h"
#include "imaging/base/options.h"
#include "imaging/raster/mask_metrics.h"
#include "models/segmentation/segmenter.h"

namespace workflows {

struct SegmentEvaluateOptions {
  std::vector<std::string> regions = {};
  std::int64_t min_object = 1;
  bool distances = true;
  std::int64_t replicates = 1000;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, SegmentEvaluateOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field(
      "regions", options.regions,
      FieldInfo{.help = "NAME=A+B: measure these classes together, in prediction and truth alike; repeat it; "
                        "default: every class of the data set"});
  field("min_object", options.min_object,
        FieldInfo{.unit = "px", .help = "Smallest piece that is counted as an object", .min = 1, .max = 1e9});
  field("distances", options.distances, FieldInfo{.help = "Measure surface distances too"});
  field("replicates", options.replicates,
        FieldInfo{.help = "Resamples behind the intervals", .min = 100, .max = 100000});
}

struct SegmentEvaluateRequest {
  std::string model;  ///< package folder, .tsr, or the name of an installed package
  std::filesystem::path data;
  std::filesystem::path out;
  SegmentDataOptions dataset;
  SegmentEvaluateOptions options;
  models::SegmentTilingOptions tiling;
  RuntimeOptions runtime;
};

/// How well one region of one case was found.
struct RegionScore {
  std::string region;
  imaging::OverlapMetrics overlap;
  std::optional<imaging::SurfaceMetrics> surfaces;  ///< absent where a mask is empty, or not asked for
  std::string unit;                                 ///< of distances: "mm" or "px"
  std::optional<std::int64_t> predicted_objects, reference_objects;  ///< connected pieces; none of volumes
};

/// Classes measured together.
struct SegmentRegion {
  std::string name;
  std::vector<std::uint8_t> predicted;  ///< labels of the model
  std::vector<std::uint8_t> reference;  ///< labels of the data set
};

/// What is measured.
/// @param asked    NAME=A+B; empty: every class of the data set
/// @throws Error   `invalid_argument` on a text that is no region, and on a class that neither knows;
///                 `incompatible` where the model or the data set knows no class of a region
[[nodiscard]] std::vector<SegmentRegion> segment_regions(const std::vector<std::string>& asked,
                                                         const std::vector<std::string>& model_classes,
                                                         const std::vector<std::string>& data_classes);

/// Measures one case. @param spacing_mm  absent where the size of a pixel is not known
[[nodiscard]] std::vector<RegionScore> score_regions(std::span<const std::uint8_t> prediction,
                                                     std::span<const std::uint8_t> reference,
                                                     imaging::MaskGrid grid, bool is_spacing_known,
                                                     const std::vector<SegmentRegion>& regions,
                                                     const SegmentEvaluateOptions& options);

/// Segments every case of a data set that has truth and measures what was found.
///
/// Writes OUT/metrics.csv (a row per case and region) and OUT/metrics.json (per region and measure: cases,
/// mean, deviation, median, and a 95 % interval of the mean by resampling patients; the same per site where
/// the table names sites). A measure that is not defined for a case is an empty cell and counts in no mean. A
/// bad case is a failed row.
/// @return  a row per case, in the data set's order
/// @throws Error  for what concerns the whole run, as read_segment_data and Segmenter::open; Cancelled.
std::vector<BatchRow> evaluate_segmentation(const SegmentEvaluateRequest& request,
                                            const std::function<void(const BatchRow&)>& on_row,
                                            const imaging::JobContext& job);

}  // namespace workflows
