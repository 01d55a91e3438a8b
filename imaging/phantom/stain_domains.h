#pragma once

#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "imaging/stain/optical_density.h"

namespace imaging {

/// One invented laboratory: how it stains and what its scanner does to the picture.
struct StainDomain {
  std::string_view name;
  bool for_training;  ///< half of the table; the others stay unseen until a test
  StainVectors stains;
  double haematoxylin;          ///< strength, 1 is usual
  double eosin;                 ///< strength, 1 is usual
  std::array<double, 3> white;  ///< clear glass, R, G, B; 1 is full scale
  double gamma;                 ///< exponent on the transmitted light
  double blur_um;               ///< optical blur, standard deviation
  double noise;                 ///< standard deviation, grey levels
  int jpeg_quality;
};

[[nodiscard]] std::span<const StainDomain> stain_domains();
/// @throws Error `invalid_argument` naming the known domains.
[[nodiscard]] const StainDomain& find_stain_domain(std::string_view name);
/// For the choices of an option.
[[nodiscard]] std::vector<std::string_view> stain_domain_names();

}  // namespace imaging
