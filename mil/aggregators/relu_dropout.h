#pragma once

#include <cstdint>

namespace at {
class Tensor;
}

namespace mil {

/// relu(values) with dropout, in place, with the gradient where `values` carries one. On the CPU one pass
/// over the values with a counter-based generator seeded from torch's: the same for any number of threads,
/// and several times faster than torch's dropout, which draws in one thread. Keeps nothing but the result for
/// the way back.
///
/// @param values  float32; not needed by anything else afterwards (the output of a linear layer)
/// @param share   of the values that is dropped, 0 to below 1; the rest is divided by 1 - share
/// @param first   place of the first value in a larger whole, whose other values other processes drop: by one
///                seed they drop together what one process would (on the CPU)
[[nodiscard]] at::Tensor relu_dropout_(const at::Tensor& values, double share, std::int64_t first = 0);

}  // namespace mil
