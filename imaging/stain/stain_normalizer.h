#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "imaging/base/image.h"
#include "imaging/stain/optical_density.h"
#include "imaging/stain/reinhard.h"
#include "imaging/stain/stain_sample.h"

namespace imaging {

/// The two dyes of one laboratory and how much of each there is.
struct DyeProfile {
  StainVectors stains;
  /// 95th percentile of each stain's amount, where there is twice as much of it as of the other. Unit: OD.
  std::array<double, 2> strength;
};

/// How a slide, or a set of tiles, looks: what is found on a slide and what it is normalised to.
struct StainProfile {
  std::string method;  ///< a row of stain_methods()
  WhiteLevel white;
  std::variant<DyeProfile, ColourStatistics>
      colours;  ///< statistics for Reinhard's method, dyes for the others
};

/// As it stands in a package's manifest under `stain_normalisation`.
[[nodiscard]] nlohmann::ordered_json to_json(const StainProfile& profile);
/// @throws Error  `corrupt_data` naming what is missing or makes no sense.
[[nodiscard]] StainProfile stain_profile_from_json(const nlohmann::ordered_json& json);

/// One row per method. Explicit: no registration magic.
struct StainMethod {
  std::string_view name;
  StainProfile (*measure)(const Image8& pixels);
  /// What to normalise to where no target is given.
  std::optional<StainProfile> (*published_target)();
};
[[nodiscard]] std::span<const StainMethod> stain_methods();
/// "none" and every method, for the choices of an option.
[[nodiscard]] std::vector<std::string_view> stain_method_names();
/// @throws Error  `invalid_argument` naming the known methods.
[[nodiscard]] const StainMethod& find_stain_method(std::string_view name);

/// Measures how pixels look.
/// @param pixels  H x W x 3, e.g. of sample_slide_pixels
/// @throws Error  `insufficient_data` where there is too little stain, or only one: stains are never made up.
[[nodiscard]] StainProfile measure_stain(std::string_view method, const Image8& pixels);

/// Makes tiles of one slide look as if another laboratory had stained and scanned it.
///
/// Dyes (Macenko, Vahadane): the amounts of both stains are found per pixel, by least squares [macenko2009]
/// or as the sparse non-negative amounts [vahadane2016], scaled by the quotient of the strengths and put on
/// the target's directions. Unlike the papers, what the two stains do not explain is kept, not dropped: other
/// pigments stay what they are, and a slide that looks like the target stays the same to the bit.
///
/// Reinhard: mean and deviation of l-alpha-beta are moved to the target's [reinhard2001]. Unlike the paper,
/// glass is not stained: below the density at which pixels count as stained it goes over, smoothly, into the
/// target's glass.
///
/// @par Threads  Reentrant.
class StainNormalizer {
 public:
  /// @throws Error  `invalid_argument` if the two are of different methods.
  StainNormalizer(const StainProfile& source, const StainProfile& target);
  ~StainNormalizer();
  StainNormalizer(StainNormalizer&&) noexcept;
  StainNormalizer& operator=(StainNormalizer&&) noexcept;

  /// @param tile  H x W x 3, changed in place
  void apply(Image8& tile) const;

  struct Impl;

 private:
  std::unique_ptr<const Impl> impl_;
};

}  // namespace imaging
