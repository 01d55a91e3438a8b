#include "imaging/slide/file_scale.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <utility>

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

std::optional<SlideScale> from_ome(const ScaleClaims& claims, std::vector<std::string>& warnings) {
  if (!claims.ome_x || !claims.ome_y) return std::nullopt;
  if (is_plausible(*claims.ome_x) && is_plausible(*claims.ome_y))
    return SlideScale{*claims.ome_x, *claims.ome_y, "ome.physical_size"};
  warnings.push_back(
      fmt::format("The OME physical sizes give {:.4g} x {:.4g} um/px, outside {} to {}; not used.",
                  *claims.ome_x, *claims.ome_y, kLeastMpp, kLargestMpp));
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

/// The value of an attribute of an XML element's opening tag; empty where it has none.
std::string_view attribute_of(std::string_view tag, std::string_view name) {
  for (auto at = tag.find(name); at != std::string_view::npos; at = tag.find(name, at + 1)) {
    const auto equals = at + name.size();
    if (at == 0 || std::isspace(static_cast<unsigned char>(tag[at - 1])) == 0) continue;
    if (equals + 1 >= tag.size() || tag[equals] != '=') continue;
    const char quote = tag[equals + 1];
    const auto end = tag.find(quote, equals + 2);
    if ((quote != '"' && quote != '\'') || end == std::string_view::npos) return {};
    return tag.substr(equals + 2, end - equals - 2);
  }
  return {};
}

std::optional<double> ome_size_um(std::string_view tag, const std::string& axis) {
  const auto value = parse_number(attribute_of(tag, "PhysicalSize" + axis));
  const auto unit = attribute_of(tag, "PhysicalSize" + axis + "Unit");
  static constexpr std::array<std::pair<std::string_view, double>, 10> kUnits{{{"", 1},
                                                                               {"\u00b5m", 1},
                                                                               {"\u03bcm", 1},
                                                                               {"um", 1},
                                                                               {"&#181;m", 1},
                                                                               {"&#xB5;m", 1},
                                                                               {"nm", 1e-3},
                                                                               {"mm", 1e3},
                                                                               {"cm", 1e4},
                                                                               {"m", 1e6}}};
  const auto* const known =
      std::find_if(kUnits.begin(), kUnits.end(), [&](const auto& row) { return row.first == unit; });
  if (!value || known == kUnits.end()) return std::nullopt;
  return *value * known->second;
}

void warn_where_not_square(const SlideScale& scale, std::vector<std::string>& warnings) {
  if (!scales_differ(scale.mpp_x, scale.mpp_y)) return;
  warnings.push_back(fmt::format("Pixels are not square: {:.4g} x {:.4g} um/px.", scale.mpp_x, scale.mpp_y));
}

}  // namespace

std::optional<double> parse_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

void add_ome_claims(std::string_view description, ScaleClaims& claims) {
  if (description.find("<OME") == std::string_view::npos &&
      description.find(":OME") == std::string_view::npos)
    return;
  auto start = description.find("<Pixels");
  if (start == std::string_view::npos) start = description.find(":Pixels");
  if (start == std::string_view::npos) return;
  const auto tag = description.substr(start, description.find('>', start) - start);
  claims.ome_x = ome_size_um(tag, "X");
  claims.ome_y = ome_size_um(tag, "Y");
}

bool scales_differ(double a, double b) {
  return std::abs(a - b) > kTolerance * std::min(a, b);
}

std::optional<SlideScale> judge_scale(const ScaleClaims& claims, std::vector<std::string>& warnings) {
  const auto mpp = from_mpp(claims, warnings);
  const auto ome = from_ome(claims, warnings);
  const auto tiff = from_tiff(claims, warnings);
  const auto scale = mpp ? mpp : ome ? ome : tiff;
  const auto compare = [&](const std::optional<SlideScale>& other, std::string_view name) {
    if (!other || other->source == scale->source) return;
    if (!scales_differ(scale->mpp_x, other->mpp_x) && !scales_differ(scale->mpp_y, other->mpp_y)) return;
    warnings.push_back(
        fmt::format("The scale sources disagree: {} says {:.4g} x {:.4g} um/px (used), {} {:.4g} x {:.4g}.",
                    scale->source, scale->mpp_x, scale->mpp_y, name, other->mpp_x, other->mpp_y));
  };
  compare(ome, "the OME physical sizes");
  compare(tiff, "the TIFF resolution tags");
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
