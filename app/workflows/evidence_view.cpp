#include "app/workflows/evidence_view.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace workflows {
namespace {

constexpr std::int64_t kLeastSide = 512;  // pixels of the view, so that its edge looks round
constexpr float kClearShare = 1.0F / 3;   // of the range, from its low end

/// Bilinear among the finite ones of the four cells around (x, y), in cells; NaN where none is.
float between_cells(const imaging::ImageF& values, double x, double y) {
  const auto left = static_cast<std::int64_t>(std::floor(x - 0.5));
  const auto top = static_cast<std::int64_t>(std::floor(y - 0.5));
  double sum = 0;
  double weights = 0;
  for (std::int64_t row = top; row <= top + 1; ++row) {
    for (std::int64_t column = left; column <= left + 1; ++column) {
      const auto inside_row = std::clamp<std::int64_t>(row, 0, values.height() - 1);
      const auto inside_column = std::clamp<std::int64_t>(column, 0, values.width() - 1);
      const float value = *values.pixel(inside_column, inside_row);
      const double weight = (1 - std::abs(x - 0.5 - static_cast<double>(column))) *
                            (1 - std::abs(y - 0.5 - static_cast<double>(row)));
      if (!std::isfinite(value) || weight <= 0) continue;
      sum += weight * static_cast<double>(value);
      weights += weight;
    }
  }
  return weights > 0 ? static_cast<float>(sum / weights) : std::numeric_limits<float>::quiet_NaN();
}

}  // namespace

imaging::ScoreRaster evidence_view(const imaging::ScoreRaster& raster, const imaging::FieldOfView& field) {
  constexpr auto kNaN = std::numeric_limits<float>::quiet_NaN();
  const auto finer = (kLeastSide - 1) / raster.values.width() + 1;  // pixels along a cell's side
  const auto step = static_cast<double>(finer);
  auto view = raster;
  view.pixel_l0 = {raster.pixel_l0.x / step, raster.pixel_l0.y / step};
  view.pixel_um = {raster.pixel_um.x / step, raster.pixel_um.y / step};
  view.values = imaging::ImageF(raster.values.width() * finer, raster.values.height() * finer, 1, kNaN);
  for (std::int64_t y = 0; y < view.values.height(); ++y) {
    for (std::int64_t x = 0; x < view.values.width(); ++x) {
      const double column = static_cast<double>(x) + 0.5;
      const double row = static_cast<double>(y) + 0.5;
      const double from_centre =
          std::hypot(view.origin_l0.x + column * view.pixel_l0.x - field.centre.x - 0.5,
                     view.origin_l0.y + row * view.pixel_l0.y - field.centre.y - 0.5);
      if (from_centre > field.radius) continue;
      *view.values.pixel(x, y) = between_cells(raster.values, column / step, row / step);
    }
  }
  return view;
}

imaging::HeatmapStyle evidence_style(const imaging::PaintedRange& range, double opacity) {
  return {.low = range.low,
          .high = range.high,
          .opacity = opacity,
          .threshold = range.low + kClearShare * (range.high - range.low)};
}

}  // namespace workflows
