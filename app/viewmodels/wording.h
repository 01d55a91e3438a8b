#pragma once

#include <QString>

#include "app/viewmodels/open_slides.h"
#include "app/workflows/case_folder.h"
#include "imaging/base/geometry.h"

namespace viewmodels {

/// Words and numbers as the window shows them: every sentence has one home.

/// "2 220 × 2 967 px · 0.499 µm/px (openslide.mpp)"
[[nodiscard]] QString slide_summary(const OpenSlide& slide);
/// "0.499 µm/px (openslide.mpp)"; says where the scale is unknown or pixels.
[[nodiscard]] QString scale_words(const std::optional<imaging::SlideScale>& scale);
/// "x 1 107.8 µm  y 553.9 µm", or px where the scale is unknown.
[[nodiscard]] QString position_words(const OpenSlide& slide, imaging::PointD l0);
/// "12.4×  (0.81 µm/px)": magnification from µm per screen pixel by the usual 10 µm/px = 1×; where the scale
/// is unknown, percent.
[[nodiscard]] QString zoom_words(const OpenSlide& slide, double scale);
/// Screen pixels per level-0 pixel at a magnification; absent where the scale is unknown or pixels.
[[nodiscard]] std::optional<double> magnification_scale(const OpenSlide& slide, double magnification);
/// "200 µm", "2 mm", "500 px".
[[nodiscard]] QString length_words(double value, bool is_um);
/// A raw score, four significant digits.
[[nodiscard]] QString score_words(double score);
/// "3 min 12 s"
[[nodiscard]] QString duration_words(double seconds);
/// "softmax attention, sums to 1" and the like, for result.json's score_kind.
[[nodiscard]] QString score_kind_words(const std::string& score_kind);

}  // namespace viewmodels
