#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "imaging/base/image.h"
#include "imaging/base/options.h"
#include "imaging/fundus/field_of_view.h"

namespace imaging {

/// What is measured on a photograph, before it is judged. All relative, so that cameras compare.
struct FundusMeasures {
  double exposure = 0;  ///< mean grey level of the field, 0 to 1
  double clipped = 0;   ///< share of the field at full white
  /// 10th over 90th percentile of the light (green, smoothed over an eighth of the radius)
  double evenness = 0;
  /// fine over coarse detail at the vessels, at a disc of 512 pixels; 0 where there are none
  double focus = 0;
  /// depth of the darkest thin structures (97th percentile), in shares of the light
  double vessel_contrast = 0;
  double seen = 0;         ///< share of the whole disc that is in the frame and lit
  double offset = 0;       ///< distance of the disc's middle from the frame's, in radii
  double diameter_px = 0;  ///< of the disc in the photograph
};

/// A measure counts 0 at `_zero` and 1 at `_full`, evenly in between; the two differ. `_full` is above
/// `_zero` where more is better, below it where less is (clipped, offset).
struct FundusQualityOptions {
  double exposure_zero = 0.03, exposure_full = 0.20;
  double clipped_full = 0.03, clipped_zero = 0.30;
  double evenness_zero = 0.05, evenness_full = 0.50;
  double focus_zero = 0.20, focus_full = 0.70;
  double vessel_contrast_zero = 0.015, vessel_contrast_full = 0.12;
  double seen_zero = 0.35, seen_full = 0.80;
  double offset_full = 0.35, offset_zero = 1.0;
  double diameter_zero_px = 60, diameter_full_px = 300;
  double poor_below = 0.5;         ///< any component
  double ungradable_below = 0.15;  ///< any component
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, FundusQualityOptions>
void visit_fields(Visitor&& field, Options& options) {
  const auto share = [&](std::string_view name, auto& value, std::string_view help) {
    field(name, value, FieldInfo{.unit = "share", .help = help, .min = 0, .max = 1});
  };
  const auto ratio = [&](std::string_view name, auto& value, std::string_view help,
                         std::string_view unit = "") {
    field(name, value, FieldInfo{.unit = unit, .help = help, .min = 0, .max = 10});
  };
  share("exposure_zero", options.exposure_zero, "Mean grey level that is too dark to use");
  share("exposure_full", options.exposure_full, "Mean grey level that is bright enough");
  share("clipped_full", options.clipped_full, "Share of the field at full white that does no harm");
  share("clipped_zero", options.clipped_zero, "Share of the field at full white that is too much to use");
  share("evenness_zero", options.evenness_zero, "Dark over bright light that is too uneven to use");
  share("evenness_full", options.evenness_full, "Dark over bright light that is even enough");
  ratio("focus_zero", options.focus_zero, "Fine over coarse detail that is too blurred to use");
  ratio("focus_full", options.focus_full, "Fine over coarse detail that is sharp enough");
  share("vessel_contrast_zero", options.vessel_contrast_zero, "Vessel contrast that is too faint to use");
  share("vessel_contrast_full", options.vessel_contrast_full, "Vessel contrast that is clear enough");
  share("seen_zero", options.seen_zero, "Share of the disc seen that is too small to use");
  share("seen_full", options.seen_full, "Share of the disc seen that is large enough");
  ratio("offset_full", options.offset_full, "Distance from the frame's middle that does no harm", "radii");
  ratio("offset_zero", options.offset_zero, "Distance from the frame's middle that is too far", "radii");
  field("diameter_zero_px", options.diameter_zero_px,
        FieldInfo{
            .unit = "px", .help = "Diameter of the disc that is too coarse to use", .min = 1, .max = 10000});
  field("diameter_full_px", options.diameter_full_px,
        FieldInfo{.unit = "px", .help = "Diameter of the disc that is fine enough", .min = 1, .max = 10000});
  share("poor_below", options.poor_below, "A component below this makes the photograph poor");
  share("ungradable_below", options.ungradable_below,
        "A component below this makes the photograph ungradable");
}

/// Refuses values out of range and pairs in the wrong order.
/// @throws Error `invalid_argument` naming the options and their values.
void check_options(const FundusQualityOptions& options);

/// How good a photograph is for grading. Components and score are 0 (useless) to 1 (good).
struct FundusQuality {
  FundusMeasures measures;
  double illumination = 0;           ///< the worst of exposure, clipping and evenness
  double sharpness = 0;              ///< the worst of focus, vessel contrast and resolution
  double coverage = 0;               ///< the worse of the share seen and the centring
  double score = 0;                  ///< geometric mean of the three
  std::string verdict;               ///< "gradable", "poor" or "ungradable": by the worst component
  std::vector<std::string> reasons;  ///< in words, worst first; empty where gradable
};

/// Measures and judges a photograph. The thresholds were set by looking at 538 photographs of five cameras
/// and at phantoms spoiled step by step; they are no clinical standard.
///
/// @param photograph  as find_field_of_view
/// @throws Error   as check_options
/// @par Threads    Reentrant.
/// @par Cost       About 30 ms and one copy of the photograph.
[[nodiscard]] FundusQuality assess_quality(const Image8& photograph, const FieldOfView& field,
                                           const FundusQualityOptions& options = {});

}  // namespace imaging
