#pragma once

#include <cstdint>

#include "models/runtime/tensor_bridge.h"

namespace models {

/// A linear layer that tells classes apart.
struct LinearHead {
  at::Tensor weight;  ///< [K, D] float32
  at::Tensor bias;    ///< [K]
};

/// Linear discriminant analysis: the features are standardised, the covariance within the classes is drawn to
/// the identity by `shrinkage`; priors are the classes' frequencies (half a photograph more each).
/// @param features  [N, D]
/// @param labels    [N] int64, 0 to classes - 1
/// @param emphasis  [D], or undefined: what the standardised features are multiplied by; the higher, the less
///                  the shrinkage holds a feature down
/// @par Cost        O(N D^2 + D^3), in float64
[[nodiscard]] LinearHead linear_discriminant(const at::Tensor& features, const at::Tensor& labels,
                                             std::int64_t classes, double shrinkage,
                                             const at::Tensor& emphasis = {});

}  // namespace models
