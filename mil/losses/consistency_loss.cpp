#include "mil/losses/consistency_loss.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/types.h>

#include "imaging/base/error.h"

namespace mil {

at::Tensor consistency_loss(const at::Tensor& student, const at::Tensor& teacher, double student_temperature,
                            double teacher_temperature) {
  if (student.sizes() != teacher.sizes() || !(student_temperature > 0) || !(teacher_temperature > 0)) {
    throw imaging::Error(
        imaging::ErrorCode::invalid_argument,
        fmt::format("Consistency of [{}] with [{}] at temperatures {} and {} is not defined.",
                    fmt::join(student.sizes(), ", "), fmt::join(teacher.sizes(), ", "), student_temperature,
                    teacher_temperature));
  }
  const auto target = (teacher.detach() / teacher_temperature).softmax(-1);
  return -(target * (student / student_temperature).log_softmax(-1)).sum(-1).mean();
}

}  // namespace mil
