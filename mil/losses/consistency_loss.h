#pragma once

namespace at {
class Tensor;
}

namespace mil {

/// How far the student's bag embedding is from the teacher's: the mean over rows of
/// -sum_d softmax(teacher / teacher_temperature)_d log softmax(student / student_temperature)_d, over feature
/// dimensions, not over classes.
///
/// @param student  [R, D], carries the gradient
/// @param teacher  [R, D], detached here
/// @return         scalar
/// @throws imaging::Error  `invalid_argument` where the shapes differ or a temperature is not above 0.
/// @par Reference  [tang2023]
[[nodiscard]] at::Tensor consistency_loss(const at::Tensor& student, const at::Tensor& teacher,
                                          double student_temperature, double teacher_temperature);

}  // namespace mil
