#pragma once

namespace at {
class Tensor;
}

namespace models {

/// Each row as the anchor of a contrast: the mean over its positives p of
/// -log( exp(z_a.z_p / t) / sum_{b != a} exp(z_a.z_b / t) ); 0 where it has none.
///
/// @param rows         [..., N, D], L2-normalised, N >= 2; leading axes are batches of their own
/// @param is_positive  [N, N] bool, false on the diagonal; a row per anchor
/// @return             [..., N]
/// @throws imaging::Error  `invalid_argument` on shapes that do not fit or a temperature not above 0.
/// @par Reference  [khosla2020], L_out
[[nodiscard]] at::Tensor anchor_contrast(const at::Tensor& rows, const at::Tensor& is_positive,
                                         double temperature);

}  // namespace models
