#pragma once

#include <concepts>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>

#include "app/workflows/analyze.h"
#include "app/workflows/decision.h"
#include "app/workflows/reading.h"
#include "imaging/base/job.h"
#include "imaging/base/options.h"
#include "imaging/fundus/quality.h"

namespace workflows {

struct GradeFundusOptions {
  FundusOptions fundus;
  AbstentionOptions abstention;
  std::string colormap = "viridis";
  double opacity = 0.45;
  bool no_report = false;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, GradeFundusOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  visit_fields(field, options.fundus);
  visit_fields(field, options.abstention);
  field("colormap", options.colormap, FieldInfo{.help = "Colours of the evidence map"});
  field("opacity", options.opacity,
        FieldInfo{.help = "Opacity of the evidence map in overlay.png", .min = 0, .max = 1});
  field("no_report", options.no_report, FieldInfo{.help = "Write no report.html and report.pdf"});
}

struct GradeFundusRequest {
  InputOptions inputs;  ///< files, folders, GDRBench split files; without a scale, pixels are the unit
  std::string model;    ///< package folder, .tsr, or the name of an installed one
  std::filesystem::path out;
  GradeFundusOptions options;
  imaging::FundusQualityOptions quality;
  ReadingOptions reading;
  RuntimeOptions runtime;
};

/// Grades photographs of the retina: read, field of view, quality gate, crop, grade, evidence, report, for
/// every input. Files, resume and promises are those of `analyze`; a case holds
///
///     result.json         kind "fundus"; verdict is a grade, kAbstained or kUngradable; `fundus` holds eye,
///                         field, quality, referable score and threshold, oedema risk
///     thumbnail.png       the photograph, at most 1600 px
///     attention.ome.tif   the raw evidence map, one pixel per cell of the network's last features, NaN
///                         outside the field; not for an ungradable photograph
///     overlay.png         the map, smoothed, over the photograph; the same
///     tiles.geojson       the map's cells for QuPath; the same
///     report.html, report.pdf
///
/// A photograph that the gate finds ungradable is `degraded`, has no probabilities and never a grade, unless
/// the gate is told to warn only. Where the file states no scale, the unit is the pixel.
/// @throws Error   only for what concerns the whole run; Cancelled.
RunSummary grade_fundus(const GradeFundusRequest& request, const ReportWriter& reports,
                        const std::function<void(const RunRow&)>& on_case, const imaging::JobContext& job);

}  // namespace workflows
