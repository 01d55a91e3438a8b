#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "imaging/slide/slide_reader.h"

namespace imaging {

/// What a file says of its scale, unchecked.
struct ScaleClaims {
  std::optional<std::string> mpp_x = std::nullopt;         ///< openslide.mpp-x, as text
  std::optional<std::string> mpp_y = std::nullopt;         ///< openslide.mpp-y, as text
  std::optional<double> ome_x = std::nullopt;              ///< um; OME-XML PhysicalSizeX
  std::optional<double> ome_y = std::nullopt;              ///< um; OME-XML PhysicalSizeY
  std::optional<double> tiff_x_resolution = std::nullopt;  ///< pixels per unit
  std::optional<double> tiff_y_resolution = std::nullopt;  ///< pixels per unit
  std::string_view tiff_unit = "";                         ///< "inch", "centimeter" or anything else for none
  std::optional<double> objective_power = std::nullopt;    ///< nominal magnification; only compared
};

/// Takes the pixel's size from a TIFF's description where that is OME-XML: units of um (the default), nm, mm,
/// cm and m; any other unit says nothing.
void add_ome_claims(std::string_view description, ScaleClaims& claims);

/// True beyond 5 %.
[[nodiscard]] bool scales_differ(double a, double b);

/// Weighs the claims: mpp first, then OME's sizes, then the TIFF tags, each only within 0.05 to 20 µm/px.
/// What is out of range, or disagrees by more than 5 %, is added to `warnings`.
[[nodiscard]] std::optional<SlideScale> judge_scale(const ScaleClaims& claims,
                                                    std::vector<std::string>& warnings);

/// A scale that a medical image states, within the same range; `warnings` as above.
[[nodiscard]] std::optional<SlideScale> judge_spacing(const SlideScale& stated,
                                                      std::vector<std::string>& warnings);

/// The whole text as a number, independent of the locale; none where it is not one.
[[nodiscard]] std::optional<double> parse_number(std::string_view text);

}  // namespace imaging
