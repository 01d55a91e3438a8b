#include "models/runtime/contrast.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/types.h>

#include <limits>

#include "imaging/base/error.h"

namespace models {

at::Tensor anchor_contrast(const at::Tensor& rows, const at::Tensor& is_positive, double temperature) {
  const auto count = rows.dim() >= 2 ? rows.size(-2) : 0;
  if (count < 2 || is_positive.sizes() != at::IntArrayRef({count, count}) || !(temperature > 0)) {
    throw imaging::Error(
        imaging::ErrorCode::invalid_argument,
        fmt::format("A contrast of [{}] by pairs [{}] at temperature {} is not defined.",
                    fmt::join(rows.sizes(), ", "), fmt::join(is_positive.sizes(), ", "), temperature));
  }
  const auto is_self = at::eye(count, at::TensorOptions(at::kBool).device(rows.device()));
  const auto logits = at::matmul(rows, rows.transpose(-1, -2)) / temperature;
  const auto log_probabilities =
      logits.masked_fill(is_self, -std::numeric_limits<double>::infinity()).log_softmax(-1);
  const auto sums = at::where(is_positive, log_probabilities, at::zeros_like(log_probabilities)).sum(-1);
  return -sums / is_positive.sum(-1).clamp_min(1);
}

}  // namespace models
