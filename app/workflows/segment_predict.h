#pragma once

#include <concepts>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>

#include "app/workflows/analyze.h"
#include "app/workflows/reading.h"
#include "app/workflows/segment_options.h"
#include "imaging/base/job.h"
#include "models/segmentation/segmenter.h"

namespace workflows {

struct SegmentPredictRequest {
  InputOptions inputs;
  std::string model;  ///< package folder, .tsr, or the name of an installed package
  std::filesystem::path out;
  SegmentOptions options;
  SegmentPictureOptions pictures;
  models::SegmentTilingOptions tiling;
  ReadingOptions reading;
  RuntimeOptions runtime;
};

/// Segments photographs, slides or areas of them, image stacks (TIFF) and volumes (NIfTI, MetaImage), for
/// every input. Files, resume and promises are those of `analyze`; a case holds
///
///     result.json       kind "fundus" where the package cuts to the field of view, else "slide";
///     `segmentation`
///                       holds where the mask lies and what was measured
///     mask.png          indices of classes in the colours of imaging::class_colour; of a volume mask.nii.gz
///     or
///                       mask.mha with the input's geometry; of a stack mask.tif
///     regions.geojson   outlines for QuPath, in level-0 pixels; of pictures and slides
///     measurements.csv  see measure_labels
///     thumbnail.png, overlay.png   the picture, or the slice with most of what was found, plain and painted
///     report.html, report.pdf
///
/// @throws Error   only for what concerns the whole run; Cancelled.
/// @par Memory     Flat in a slide's size unless the package has to see the picture as a whole.
RunSummary predict_segmentation(const SegmentPredictRequest& request, const ReportWriter& reports,
                                const std::function<void(const RunRow&)>& on_case,
                                const imaging::JobContext& job);

}  // namespace workflows
