#pragma once

#include <cstdint>
#include <optional>

namespace at {
class Tensor;
}

namespace mil {

/// What an anchor without a positive does to the mean over anchors: the official SupCon code counts it as 0,
/// ours leaves it out.
enum class LoneAnchors { count_as_zero, left_out };

struct SupervisedContrastOptions {
  double temperature = 1;
  std::optional<double> base_temperature;  ///< the loss times temperature / base_temperature; empty for 1
  LoneAnchors lone_anchors = LoneAnchors::left_out;
};

/// Pulls rows of one label together: the mean over anchors i of
/// -1/|P(i)| sum_{j in P(i)} log( exp(z_i.z_j / t) / sum_{k != i} exp(z_i.z_k / t) ), where P(i) are the
/// other rows with i's label and every view of a row is a row. 0 where no anchor has a positive.
///
/// @param features  [B, D], or [B, V, D] with V views; L2-normalised rows
/// @param labels    [B] int64, same device
/// @return          scalar
/// @throws imaging::Error  `invalid_argument` on a shape that does not fit or a temperature not above 0.
/// @par Reference  [khosla2020]
[[nodiscard]] at::Tensor supervised_contrast(const at::Tensor& features, const at::Tensor& labels,
                                             const SupervisedContrastOptions& options);

/// InfoNCE: each query against its own key and a queue of negatives. INS warms up with it.
///
/// @param queries  [B, D], L2-normalised like the others
/// @param keys     [B, D]
/// @param queue    [Q, D], Q >= 0
/// @return         scalar, mean over queries
/// @throws imaging::Error  `invalid_argument` on a shape that does not fit or a temperature not above 0.
/// @par Reference  [he2020], [qu2024]
[[nodiscard]] at::Tensor queue_contrast(const at::Tensor& queries, const at::Tensor& keys,
                                        const at::Tensor& queue, double temperature);

/// INS's weakly supervised contrast: the first `anchor_count` rows against all rows but themselves; positives
/// are the rows of the same pseudo label, and 1e-12 is added to the denominator (after the row's largest
/// logit was taken out, as in the official code). Anchors without a positive, whose loss is not a number
/// there, are left out.
///
/// @param features  [A + M, D], L2-normalised
/// @param labels    [A + M] int64, same device
/// @return          scalar, mean over anchors
/// @throws imaging::Error  `invalid_argument` on a shape that does not fit or a temperature not above 0.
/// @par Reference  [qu2024]
[[nodiscard]] at::Tensor pseudo_label_contrast(const at::Tensor& features, const at::Tensor& labels,
                                               std::int64_t anchor_count, double temperature);

}  // namespace mil
