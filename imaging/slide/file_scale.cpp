#include "imaging/slide/file_scale.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace imaging {
namespace {

constexpr double kLeastMpp = 0.05;
constexpr double kLargestMpp = 20;
constexpr double kTolerance = 0.05;
// Scanners of nominal 20x range from 0.23 to 0.55 µm/px: only a factor beyond this points at a wrong value.
constexpr double kObjectiveFactor = 2.5;

bool is_plausible(double mpp) {
  return mpp >= kLeastMpp && mpp <= kLargestMpp;
}

bool differ(double a, double b) {
  return std::abs(a - b) > kTolerance * std::min(a, b);
}

std::optional<SlideScale> from_mpp(const ScaleClaims& claims, std::vector<std::string>& warnings) {
  if (!claims.mpp_x && !claims.mpp_y) return std::nullopt;
  const auto x_text = claims.mpp_x.value_or("missing");
  const auto y_text = claims.mpp_y.value_or("missing");
  const auto x = parse_number(x_text);
  const auto y = parse_number(y_text);
  if (x && y && is_plausible(*x) && is_plausible(*y)) return SlideScale{*x, *y, "openslide.mpp"};
  warnings.push_back(
      fmt::format("The file's scale of {} x {} um/px is not believable (outside {} to {}) and is not used.",
                  x_text, y_text, kLeastMpp, kLargestMpp));
  return std::nullopt;
}

std::optional<SlideScale> from_tiff(const ScaleClaims& claims, std::vector<std::string>& warnings) {
  const double um_per_unit = claims.tiff_unit == "centimeter" ? 1e4 : claims.tiff_unit == "inch" ? 25400 : 0;
  if (um_per_unit == 0 || !claims.tiff_x_resolution || !claims.tiff_y_resolution) return std::nullopt;
  const double x = um_per_unit / *claims.tiff_x_resolution;
  const double y = um_per_unit / *claims.tiff_y_resolution;
  if (is_plausible(x) && is_plausible(y)) return SlideScale{x, y, "tiff.resolution"};
  warnings.push_back(
      fmt::format("The TIFF resolution tags give {:.4g} x {:.4g} um/px, outside {} to {}; not used.", x, y,
                  kLeastMpp, kLargestMpp));
  return std::nullopt;
}

void warn_where_not_square(const SlideScale& scale, std::vector<std::string>& warnings) {
  if (!differ(scale.mpp_x, scale.mpp_y)) return;
  warnings.push_back(fmt::format("Pixels are not square: {:.4g} x {:.4g} um/px.", scale.mpp_x, scale.mpp_y));
}

}  // namespace

std::optional<double> parse_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<SlideScale> judge_scale(const ScaleClaims& claims, std::vector<std::string>& warnings) {
  const auto mpp = from_mpp(claims, warnings);
  const auto tiff = from_tiff(claims, warnings);
  if (mpp && tiff && (differ(mpp->mpp_x, tiff->mpp_x) || differ(mpp->mpp_y, tiff->mpp_y))) {
    warnings.push_back(
        fmt::format("The scale sources disagree: openslide.mpp says {:.4g} x {:.4g} um/px (used), the TIFF "
                    "resolution tags {:.4g} x {:.4g}.",
                    mpp->mpp_x, mpp->mpp_y, tiff->mpp_x, tiff->mpp_y));
  }
  const auto scale = mpp ? mpp : tiff;
  if (!scale) return std::nullopt;
  warn_where_not_square(*scale, warnings);
  if (claims.objective_power && *claims.objective_power > 0) {
    const double factor = scale->mpp_x * *claims.objective_power / 10;  // 10x is nominally 1 µm/px
    if (factor > kObjectiveFactor || factor < 1 / kObjectiveFactor) {
      warnings.push_back(fmt::format("A scale of {:.4g} um/px is unusual for the stated {:.4g}x objective.",
                                     scale->mpp_x, *claims.objective_power));
    }
  }
  return scale;
}

std::optional<SlideScale> judge_spacing(const SlideScale& stated, std::vector<std::string>& warnings) {
  if (!is_plausible(stated.mpp_x) || !is_plausible(stated.mpp_y)) {
    warnings.push_back(fmt::format(
        "The file's spacing of {:.4g} x {:.4g} um/px ({}) is not believable (outside {} to {}) and is "
        "not used.",
        stated.mpp_x, stated.mpp_y, stated.source, kLeastMpp, kLargestMpp));
    return std::nullopt;
  }
  warn_where_not_square(stated, warnings);
  return stated;
}

}  // namespace imaging
