#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace imaging {

/// What a camera prints around its pictures.
enum class FundusBorder { none, black_text, white_text };

/// One invented eye clinic: its camera, its light and what goes wrong there. Nothing in it depends on the
/// grade.
struct FundusDomain {
  std::string_view name;
  bool for_training;  ///< half of the table; the others stay unseen until a test
  std::int64_t width;
  std::int64_t height;
  double field_degrees;          ///< angle of the whole disc
  double radius;                 ///< of the disc, in heights of the frame; above 0.5 the frame cuts it
  double aim;                    ///< 0: the fovea in the middle, 1: the optic disc
  std::array<double, 3> colour;  ///< light and white balance, R, G, B; 1 is neutral
  double falloff;                ///< share of the light lost at the rim
  double uneven;                 ///< how far the light's middle lies from the disc's, in radii
  double gamma;
  double blur;        ///< standard deviation, in thousandths of the disc's diameter
  double noise;       ///< standard deviation, grey levels
  double haze;        ///< 0 to 1
  double background;  ///< grey level outside the disc
  double rim;         ///< strength of a pale crescent of stray light at the rim
  std::int64_t dust;  ///< specks on the lens
  double flare;       ///< strength of a reflection of the lamp
  bool has_notch;     ///< a tab at the rim, as on cameras that mark the upper side
  FundusBorder border;
  int jpeg_quality;
};

[[nodiscard]] std::span<const FundusDomain> fundus_domains();
/// @throws Error `invalid_argument` naming the known domains.
[[nodiscard]] const FundusDomain& find_fundus_domain(std::string_view name);
/// For the choices of an option.
[[nodiscard]] std::vector<std::string_view> fundus_domain_names();

}  // namespace imaging
