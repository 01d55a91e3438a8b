#pragma once

#include <concepts>
#include <cstdint>
#include <type_traits>

#include "imaging/base/options.h"

namespace imaging {

/// Tissue against glass on an overview of the slide, and what is left out of it. Names as CLAM's where they
/// mean the same.
struct TissueOptions {
  double seg_mpp = 8.0;  ///< µm per mask pixel
  bool use_otsu = true;
  std::int64_t sthresh = 8;      ///< saturation threshold where Otsu is off, and its floor where it is on
  std::int64_t mthresh = 7;      ///< median filter side on the saturation; odd
  std::int64_t close = 4;        ///< side of the closing square, mask pixels; 0 for none
  double a_t = 0.01;             ///< smallest tissue piece, mm²
  double a_h = 0.005;            ///< smallest hole kept, mm²
  std::int64_t max_n_holes = 8;  ///< largest holes kept per piece
  bool reject_pen = true;
  double pen_od = 0.3;  ///< least optical density of ink (base 10, over the slide's own glass)
  bool reject_folds = true;
  double fold_times = 1.3;  ///< least density of a fold, in times the 95th percentile of the slide's tissue
  bool reject_blur = true;
  double blur_um = 4.0;  ///< standard deviation of the blur above which tissue is out of focus, µm
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, TissueOptions>
void visit_fields(Visitor&& field, Options& options) {
  field("seg_mpp", options.seg_mpp,
        FieldInfo{.unit = "um/px", .help = "Resolution of the tissue mask", .min = 0.5, .max = 64});
  field("use_otsu", options.use_otsu, FieldInfo{.help = "Choose the saturation threshold by Otsu's method"});
  field("sthresh", options.sthresh,
        FieldInfo{.unit = "grey levels",
                  .help = "Saturation threshold without Otsu, and the least Otsu may choose",
                  .min = 0,
                  .max = 255});
  field("mthresh", options.mthresh,
        FieldInfo{
            .unit = "px", .help = "Side of the median filter on the saturation, odd", .min = 1, .max = 99});
  field("close", options.close,
        FieldInfo{.unit = "px", .help = "Side of the closing square, 0 for none", .min = 0, .max = 99});
  field("a_t", options.a_t,
        FieldInfo{.unit = "mm2", .help = "Smallest piece of tissue kept", .min = 0, .max = 1000});
  field("a_h", options.a_h, FieldInfo{.unit = "mm2", .help = "Smallest hole kept", .min = 0, .max = 1000});
  field("max_n_holes", options.max_n_holes,
        FieldInfo{.help = "Holes kept per piece, largest first", .min = 0, .max = 1000});
  field("reject_pen", options.reject_pen,
        FieldInfo{.help = "Leave out pen marks (blue, green, red, black), on glass and on tissue"});
  field("pen_od", options.pen_od,
        FieldInfo{.unit = "OD",
                  .help = "Least optical density of ink; black needs twice as much",
                  .min = 0.05,
                  .max = 3});
  field("reject_folds", options.reject_folds, FieldInfo{.help = "Leave out dark folds of the tissue"});
  field("fold_times", options.fold_times,
        FieldInfo{.unit = "times",
                  .help = "Least density of a fold, over the 95th percentile of the slide's own tissue",
                  .min = 1,
                  .max = 10});
  field("reject_blur", options.reject_blur, FieldInfo{.help = "Leave out what is out of focus"});
  field("blur_um", options.blur_um,
        FieldInfo{.unit = "um",
                  .help = "Blur (standard deviation) above which tissue is out of focus",
                  .min = 2,
                  .max = 50});
}

}  // namespace imaging
