#pragma once

#include <vector>

namespace at {
class Tensor;
}

namespace mil {

/// teacher <- momentum * teacher + (1 - momentum) * student, in place, one pass over each tensor
/// (one for all parameters where they share a buffer: FlatParameters).
/// @throws imaging::Error  `invalid_argument` where the numbers or shapes of the parameters differ.
/// @par Reference  [tang2023]
void update_ema(const std::vector<at::Tensor>& teacher, const std::vector<at::Tensor>& student,
                double momentum);

}  // namespace mil
