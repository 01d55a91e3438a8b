#include "mil/bags/bag_tensor.h"

#include <torch/types.h>

namespace mil {

at::Tensor wrap_features(const Bag& bag) {
  return at::from_blob(const_cast<float*>(bag.features.data()), {bag.count, bag.dim}, at::kFloat);
}

void widen(const std::uint16_t* halves, std::int64_t count, float* values) {
  at::from_blob(values, {count}, at::kFloat)
      .copy_(at::from_blob(const_cast<std::uint16_t*>(halves), {count}, at::kHalf));
}

void narrow(const float* values, std::int64_t count, std::uint16_t* halves) {
  at::from_blob(halves, {count}, at::kHalf)
      .copy_(at::from_blob(const_cast<float*>(values), {count}, at::kFloat));
}

}  // namespace mil
