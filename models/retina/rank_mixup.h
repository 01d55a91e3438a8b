#pragma once

#include "models/runtime/tensor_bridge.h"

namespace models {

/// Calibration by ranking, on images mixed with others of the batch: x' = l x + (1 - l) x[perm].
struct MixedBatch {
  at::Tensor logits;   ///< [M * B, K], all B of copy 1, then copy 2, ...
  at::Tensor targets;  ///< [M * B, K], l onehot(y) + (1 - l) onehot(y[perm])
};

/// Mean of relu(max_k z'_i - max_k z_i + margin) over the batch, where a pair of one label counts 0. Per row,
/// as meant; the released code multiplies a row by a column and averages B x B values.
/// @param logits  [B, K], of the raw images
/// @param mixed   one copy, M = 1
/// @param keep    [B], 1 where the partner has another label, else 0
/// @return        scalar, without its weight (0.1 in the paper's configurations)
/// @throws imaging::Error  `invalid_argument` where the shapes do not agree.
/// @par Reference  [noh2023]
[[nodiscard]] at::Tensor mixup_ranking_loss(const at::Tensor& logits, const MixedBatch& mixed,
                                            const at::Tensor& keep, double margin);

/// Mean over images of 1 - min(DCG / IDCG, IDCG / DCG): the confidences of the raw image and its copies, in
/// the order of the copies' largest target, against 1 and those targets. Copies of equal target keep their
/// order.
/// @param logits  [B, K]
/// @return        scalar, without its weight (0.1 in the paper's configurations)
/// @throws imaging::Error  `invalid_argument` where the shapes do not agree.
/// @par Reference  [noh2023]
[[nodiscard]] at::Tensor mixup_ndcg_loss(const at::Tensor& logits, const MixedBatch& mixed);

}  // namespace models
