#include "models/adaptation/channel_statistics.h"

#include <torch/types.h>

#include <cmath>

namespace models {
namespace {

/// [C] or [B, C] laid over [B, C, H, W].
at::Tensor over_pixels(const at::Tensor& values) {
  return values.unsqueeze(-1).unsqueeze(-1);
}

}  // namespace

ChannelStatistics batch_statistics(const at::Tensor& x, bool is_unbiased) {
  auto [variance, mean] = at::var_mean(x, at::IntArrayRef{0, 2, 3}, is_unbiased);
  return {.mean = mean, .variance = variance};
}

ChannelStatistics instance_statistics(const at::Tensor& x) {
  auto [variance, mean] = at::var_mean(x, at::IntArrayRef{2, 3}, /*unbiased=*/false);
  return {.mean = mean, .variance = variance};
}

ChannelStatistics mixed_statistics(const ChannelStatistics& source, const ChannelStatistics& target,
                                   double target_weight) {
  return {.mean = (1 - target_weight) * source.mean + target_weight * target.mean,
          .variance = (1 - target_weight) * source.variance + target_weight * target.variance};
}

at::Tensor normalise_channels(const at::Tensor& x, const ChannelStatistics& statistics,
                              const at::Tensor& scale, const at::Tensor& shift, double epsilon) {
  // As one product and one sum over the pixels.
  const auto factor = scale * (statistics.variance + epsilon).rsqrt();
  return x * over_pixels(factor) + over_pixels(shift - statistics.mean * factor);
}

double ubna_momentum(std::int64_t batch, std::int64_t depth) {
  return 0.1 * std::exp(-0.08 * static_cast<double>(batch)) * std::exp(-0.03 * static_cast<double>(depth));
}

}  // namespace models
