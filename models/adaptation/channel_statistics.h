#pragma once

#include "models/runtime/tensor_bridge.h"

namespace models {

/// Mean and variance of each channel: [C], or [B, C] where every image has its own.
struct ChannelStatistics {
  at::Tensor mean, variance;
};

/// What a batch-norm layer learnt on the source: its statistics, scale and shift.
struct SourceNorm {
  ChannelStatistics statistics;  ///< tracked
  at::Tensor scale, shift;       ///< [C]
  double epsilon = 1e-5;
};

/// Statistics of a batch over images and pixels, with the gradient.
/// @param x            [B, C, H, W]
/// @param is_unbiased  N - 1 in the variance; biased elsewhere in this room
[[nodiscard]] ChannelStatistics batch_statistics(const at::Tensor& x, bool is_unbiased = false);

/// Statistics of each image over its pixels, biased. @return [B, C]
[[nodiscard]] ChannelStatistics instance_statistics(const at::Tensor& x);

/// (1 - target_weight) source + target_weight target, mean and variance apart. With target_weight 0 the
/// source model, with 1 test-time batch norm.
///
/// @par Reference  alpha-BN [you2021]. There alpha stands on the source's side; the layer of the UnMix-TNS
/// benchmark puts it on the target's, as here.
[[nodiscard]] ChannelStatistics mixed_statistics(const ChannelStatistics& source,
                                                 const ChannelStatistics& target, double target_weight);

/// scale (x - mean) / sqrt(variance + epsilon) + shift
/// @param x      [B, C, H, W]
/// @param scale  [C], as shift
[[nodiscard]] at::Tensor normalise_channels(const at::Tensor& x, const ChannelStatistics& statistics,
                                            const at::Tensor& scale, const at::Tensor& shift, double epsilon);

/// UBNA's momentum of the running statistics, which freeze: 0.1 exp(-0.08 batch), UBNA+ also exp(-0.03
/// depth).
/// @param batch  from 0
/// @param depth  of the encoder's layer, from 1; 0 for UBNA
/// @par Reference  [klingner2022], its code
[[nodiscard]] double ubna_momentum(std::int64_t batch, std::int64_t depth = 0);

}  // namespace models
