#pragma once

#include <cstdint>
#include <vector>

#include "models/adaptation/channel_statistics.h"

namespace models {

/// OSUDA-style adaptation, after the published description [liu2021]: the paper's equations are recalled, not
/// checked against its text.

/// Share of the source in the statistics: eta_0 exp(-kappa t), t = 0, 1, ... (1 - share is
/// `mixed_statistics`' weight).
[[nodiscard]] double osuda_source_share(std::int64_t t, double eta_0, double kappa);

/// Weight of the entropy: linear from `start` at t = 0 to 0 at t = steps, against the one-class solution.
[[nodiscard]] double osuda_entropy_weight(std::int64_t t, std::int64_t steps, double start = 10);

/// How far each channel's signal-to-noise moved: | mean / sqrt(variance + epsilon) of source - of target |,
/// [C].
/// @par Reference  [wang2019], its code
[[nodiscard]] at::Tensor channel_distance(const ChannelStatistics& source, const ChannelStatistics& target,
                                          double epsilon);

enum class TransferScope {
  network,    ///< mean weight 1 over all layers' channels
  per_layer,  ///< mean weight 1 within each layer
};

/// Weights of channels, larger for a smaller shift: q = 1 / (1 + d), scaled to mean 1. Without gradient.
/// @param distances  [C_l] per layer
[[nodiscard]] std::vector<at::Tensor> transferability(const std::vector<at::Tensor>& distances,
                                                      TransferScope scope);

enum class Reduction { sum, mean };

struct ScaleShift {
  at::Tensor scale, shift;  ///< [C]
};

/// Holds scale and shift near the source's: sum (or mean) over layers and channels of
/// (1 + alpha)(|scale_s - scale_t| + |shift_s - shift_t|). Where nothing has moved yet, 0 with a zero
/// gradient.
/// @param alphas  as `transferability` gives them, one per layer
/// @return        scalar
/// @throws imaging::Error  `invalid_argument` where the numbers of layers differ.
[[nodiscard]] at::Tensor high_order_consistency(const std::vector<ScaleShift>& source,
                                                const std::vector<ScaleShift>& target,
                                                const std::vector<at::Tensor>& alphas, Reduction reduction);

/// Entropy of each pixel's class probabilities, natural logarithm.
/// @param logits  [B, K, ...]
/// @return        [B, ...]
[[nodiscard]] at::Tensor pixel_entropy(const at::Tensor& logits);

/// Core's pairwise class correlation off the diagonal. Our reconstruction of [you2021].
enum class CoreForm {
  sample,        ///< mean over rows of 1 - sum_k p_k^2
  batch,         ///< off-diagonal sum of P'P / N: the same value and gradient
  batch_rownorm  ///< rows of P'P normalised to sum 1, off-diagonal sum / K
};
/// @param logits  [N, K], a row per image or pixel
/// @return        scalar
[[nodiscard]] at::Tensor class_correlation_loss(const at::Tensor& logits, CoreForm form);

}  // namespace models
