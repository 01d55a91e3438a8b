#pragma once

#include <cstdint>

#include "mil/bags/bag.h"

namespace at {
class Tensor;
}

namespace mil {

/// The bag's own memory as [N, D] float32 on the CPU: no copy, so the bag must outlive the tensor, which is
/// not to be written to.
[[nodiscard]] at::Tensor wrap_features(const Bag& bag);

/// IEEE float16 as float32. @param halves  [count] @param values  [count]
void widen(const std::uint16_t* halves, std::int64_t count, float* values);
/// Float32 as the nearest IEEE float16. @param values  [count] @param halves  [count]
void narrow(const float* values, std::int64_t count, std::uint16_t* halves);

}  // namespace mil
