#include "mil/aggregators/relu_dropout.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace mil {
namespace {

constexpr std::int64_t kGrain = 1 << 15;

/// Two independent 16-bit numbers per counter: the finaliser of MurmurHash3 over a Weyl sequence.
inline std::uint32_t random_bits(std::uint32_t counter, std::uint32_t seed) {
  std::uint32_t x = counter * 0x9e3779b9U + seed;
  x ^= x >> 16;
  x *= 0x85ebca6bU;
  x ^= x >> 13;
  x *= 0xc2b2ae35U;
  x ^= x >> 16;
  return x;
}

/// @param first  place of values[0] among those that the seed is for
void drop_and_scale(float* values, std::int64_t count, std::int64_t first, double share, std::uint64_t seed) {
  constexpr std::uint32_t kRange = 1U << 16;
  const auto threshold = static_cast<std::uint32_t>(std::lround(share * kRange));
  const auto scale = static_cast<float>(1 / (1 - share));
  const auto scaled = [&](float value, std::uint32_t bits) {
    return bits >= threshold && value > 0 ? value * scale : 0.0F;
  };
  const auto bits_of = [&](std::int64_t pair) {
    const auto high = static_cast<std::uint32_t>(static_cast<std::uint64_t>(pair) >> 32);
    return random_bits(static_cast<std::uint32_t>(pair),
                       static_cast<std::uint32_t>(seed) + high * 0x632be5abU);
  };
  const auto end = first + count;
  const auto drop = [&](std::int64_t place, std::uint32_t bits) {
    values[place - first] = scaled(values[place - first], bits);
  };
  at::parallel_for((first + 1) / 2, end / 2, kGrain, [&](std::int64_t begin, std::int64_t stop) {
    for (auto pair = begin; pair < stop; ++pair) {
      const auto bits = bits_of(pair);
      drop(2 * pair, bits & (kRange - 1));
      drop(2 * pair + 1, bits >> 16);
    }
  });
  if (count > 0 && first % 2 == 1) drop(first, bits_of(first / 2) >> 16);
  if (count > 0 && end % 2 == 1) drop(end - 1, bits_of(end / 2) & (kRange - 1));
}

class ReluDropout : public torch::autograd::Function<ReluDropout> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, at::Tensor values, double share,
                            std::int64_t first) {
    const auto seed = at::empty({1}, at::kLong).random_().item<std::int64_t>();
    drop_and_scale(values.data_ptr<float>(), values.numel(), first, share, static_cast<std::uint64_t>(seed));
    context->mark_dirty({values});
    context->save_for_backward({values});
    context->saved_data["share"] = share;
    return values;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto kept = context->get_saved_variables()[0];
    const auto scale = 1 / (1 - context->saved_data["share"].toDouble());
    return {at::threshold_backward(gradients[0], kept, 0).mul_(scale), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor relu_dropout_(const at::Tensor& values, double share, std::int64_t first) {
  const bool is_plain = values.is_cpu() && values.scalar_type() == at::kFloat && values.is_contiguous();
  if (!is_plain) return at::dropout(values.relu(), share, /*train=*/true);
  return ReluDropout::apply(values, share, first);
}

}  // namespace mil
