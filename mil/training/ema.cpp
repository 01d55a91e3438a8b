#include "mil/training/ema.h"

#include <fmt/format.h>
#include <torch/types.h>

#include "imaging/base/error.h"

namespace mil {

void update_ema(const std::vector<at::Tensor>& teacher, const std::vector<at::Tensor>& student,
                double momentum) {
  const at::NoGradGuard no_gradients;
  if (teacher.size() != student.size()) {
    throw imaging::Error(
        imaging::ErrorCode::invalid_argument,
        fmt::format("The teacher has {} parameters, the student {}.", teacher.size(), student.size()));
  }
  for (std::size_t i = 0; i < teacher.size(); ++i) {
    if (teacher[i].sizes() != student[i].sizes()) {
      throw imaging::Error(imaging::ErrorCode::invalid_argument,
                           fmt::format("Parameter {} differs in shape.", i));
    }
    teacher[i].lerp_(student[i], 1 - momentum);
  }
}

}  // namespace mil
