#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace at {
class Tensor;
}

namespace models {

/// Draws two views of each image together and apart from the others, without labels: the mean over the 2 B
/// vectors z_a of -(t / 0.07) (s_ap - log sum_{b != a} exp s_ab), s_ab = z_a.z_b / t, p the other view. Rows
/// are L2-normalised here.
///
/// @param views  [..., B, 2, D]; leading axes are batches of their own, over which the mean is taken
/// @return       scalar
/// @throws imaging::Error  `invalid_argument` on another shape or a temperature not above 0.
/// @par Reference  [che2023]; its code keeps the factor t / 0.07
[[nodiscard]] at::Tensor two_view_contrast(const at::Tensor& views, double temperature);

/// Shares of counts, each raised to beta and scaled to sum 1.
/// @throws imaging::Error  `invalid_argument` where all counts are 0 or one is negative.
/// @par Reference  [che2023]
[[nodiscard]] std::vector<double> smoothed_shares(std::span<const std::int64_t> counts, double beta);

/// Supervised part of GDRNet: mean of CE * class weight * domain weight, over the product of the mean weights
/// (not the mean of the products, as in its code).
/// @param logits         [B, C], of the augmented view
/// @param labels         [B] int64
/// @param class_weight   [B], 1 / share of the image's class
/// @param domain_weight  [B], 1 / share of the image's domain
/// @par Reference  [che2023]
[[nodiscard]] at::Tensor domain_aware_cross_entropy(const at::Tensor& logits, const at::Tensor& labels,
                                                    const at::Tensor& class_weight,
                                                    const at::Tensor& domain_weight);

/// (1 - alpha) supervised + alpha contrast / 4. alpha is 1 in the first epoch, then 1 - epoch / epochs.
/// @par Reference  [che2023]
[[nodiscard]] at::Tensor gdrnet_loss(const at::Tensor& supervised, const at::Tensor& contrast, double alpha);

/// Cross-entropy with effective-number weights (1 - 0.999) / (1 - 0.999^n), scaled to a mean of 1 over the
/// classes that have images; 0 for those without. TALLY's, for comparison.
/// @param counts  [C] images of each class
/// @par Reference  [yang2023tally]
[[nodiscard]] std::vector<double> effective_number_weights(std::span<const std::int64_t> counts);

}  // namespace models
