#pragma once

#include <array>
#include <concepts>
#include <type_traits>

#include "imaging/base/image.h"
#include "imaging/base/options.h"
#include "imaging/base/random.h"

namespace imaging {

struct StainAugmentOptions {
  double stain_augment = 0.3;  ///< 0 for none
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, StainAugmentOptions>
void visit_fields(Visitor&& field, Options& options) {
  field("stain_augment", options.stain_augment,
        FieldInfo{
            .help = "Spread of the stains' strength and colour, and of the light, drawn anew for each tile",
            .min = 0,
            .max = 1});
}

/// One invented laboratory: what it does to any tile.
///
/// The optical density is taken apart into haematoxylin, eosin and a third direction (DAB) [ruifrok2001];
/// strength (log-normal) and direction (normal) of each are drawn anew, and the light of each channel. A kind
/// of HED-light augmentation after [tellez2019], which draws a factor and an offset per stain, uniformly, and
/// keeps directions.
///
/// @par Threads  Reentrant.
class StainAugmentation {
 public:
  /// Draws 15 numbers.
  StainAugmentation(const StainAugmentOptions& options, Random& random);
  /// @param tile  H x W x 3, changed in place
  void apply(Image8& tile) const;

 private:
  std::array<std::array<float, 3>, 3> change_;  ///< on densities
  std::array<float, 3> light_;                  ///< added to densities
};

}  // namespace imaging
