#pragma once

#include <cstdint>
#include <vector>

#include "imaging/base/random.h"
#include "models/retina/field_picture.h"

namespace models {

/// A picture for the network, before it is normalised.
struct NetworkPicture {
  std::int64_t side = 0;
  std::vector<float> values;   ///< [3, side, side], 0 to 1
  std::vector<float> field;    ///< [side, side], 0 to 1: how much of the pixel lies in the field
  std::vector<float> lesions;  ///< [kinds, side, side] likewise; empty where the picture has none
};

enum class FundusAugmentation {
  none,      ///< the whole square, resized
  baseline,  ///< random resized crop (0.7 to 1 of the area), mirror, colour jitter 0.3, grey in a tenth
  fundus,    ///< FundusAug of GDRNet
};

/// Two views of one draw: with all of the augmentation, and with its geometry and colour jitter alone (what
/// GDRNet contrasts it with). Equal where the augmentation is not `fundus`.
struct AugmentedViews {
  NetworkPicture augmented, original;
};

/// A random view of a photograph, in the order and with the constants of GDRBench. FundusAug: to 8/7 of the
/// side, colour jitter, then each with probability 0.5 sharpness, halo, hole, spots, blur; the field's mask;
/// crop, mirror and flip. Every picture draws by itself (the published code shares one draw a batch). Where
/// the published description leaves a size open (the halo's outer disc and blur, kernels of an even or zero
/// size), it is our reconstruction.
///
/// @param picture  S x S of any S
/// @param side     of the result
/// @param turn     turns by quarters, drawn; not part of the published recipes
/// @throws imaging::Error  `invalid_argument` where picture and mask are not square and of one size.
/// @par Threads    Reentrant: all draws come from `random`.
/// @par Reference  [che2023], its code
[[nodiscard]] AugmentedViews augment_fundus(const FieldPicture& picture, std::int64_t side,
                                            FundusAugmentation augmentation, bool turn,
                                            imaging::Random& random);

}  // namespace models
