#pragma once

#include "models/adaptation/channel_statistics.h"

namespace models {

struct MixedNorm {
  at::Tensor y;                  ///< [B, C, H, W]
  ChannelStatistics batch;       ///< [C], without gradient
  ChannelStatistics statistics;  ///< [C], what x was normalised with, without gradient
};

/// `normalise_channels` with `mixed_statistics` of the source and the batch itself: the same value and,
/// through the batch's mean and variance as well, the same gradients, in two passes over the pixels instead
/// of ten.
///
/// @param x              [B, C, H, W]
/// @param target_weight  of the batch, 0 to 1
/// @param is_unbiased    the batch's variance
[[nodiscard]] MixedNorm mixed_normalise(const at::Tensor& x, const ChannelStatistics& source,
                                        const at::Tensor& scale, const at::Tensor& shift, double epsilon,
                                        double target_weight, bool is_unbiased = false);

}  // namespace models
