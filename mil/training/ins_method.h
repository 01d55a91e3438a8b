#pragma once

#include <cstdint>
#include <memory>

#include "mil/training/training_method.h"

namespace mil {

/// phi of an epoch (from 0) out of `epochs`: 0.8 in the first, then 0.95 falling towards 0.8, each one
/// computed from the epoch before it as in the official code.
[[nodiscard]] double confidence_momentum(std::int64_t epoch, std::int64_t epochs);

/// INS: an instance classifier learns from bag labels by contrast, prototypes and soft labels.
///
/// Tiles of negative bags are known negatives; those of positive bags start undecided. Each epoch runs over
/// shuffled tiles of all bags (in the warm-up, the first `ins_warmup` share of the epochs but never the last
/// one, of positive bags alone), then over the bags for the bag constraint, then fits the line that makes
/// log-odds of the mean tile probability log-odds of the bag (InsModule). The network is the aggregator
/// "ins": Linear(F, D), activation, dropout, Linear(D, 2), with a projection Linear(D, D)-ReLU-Linear(D, P)
/// that the package leaves out.
///
/// Where the official code is a bug or in doubt, this does (numbers of methods/mil.md, section 8):
/// 12. the bag constraint is cross-entropy of a linear classifier on the mean embedded tile, in every epoch;
/// 13. candidates come from bag labels alone, never from annotations of tiles;
/// 14. the queue starts empty and only keys that are in it are contrasted, so no start values are normalised
///     along a wrong axis and none has a random class; it is a ring, so that it need be no multiple of the
///     batch; it never holds more keys than the training part has tiles;
/// 15. the two views of a tile are two draws of the embedding's dropout, with query and slow copy in train
///     mode; with dropout 0 they differ by the slow copy alone;
/// 16. a bag's score is the mean, or the largest, tile probability, on the fitted line;
/// 17. instances and bag constraint alternate by epoch, as in the code;
/// 18. one process needs no process group; with several, each takes a share of every batch and of every bag;
/// 19. soft labels move before the loss of the same batch, by prototypes from before it, as in the code.
///
/// Class 0 is the negative class. TrainOptions' learning_rate, weight_decay, batch_bags, bag_instances,
/// class_weights, focal_gamma and balanced_sampling do not apply.
///
/// @throws imaging::Error  `invalid_argument` where there are not two classes.
/// @par Memory  8 bytes per tile of the training part, and ins_shuffle_mb of features beside the bag cache.
/// @par Reference  [qu2024]
[[nodiscard]] std::unique_ptr<TrainingMethod> make_ins_method(const TrainingPlan& plan,
                                                              MethodContext context);

}  // namespace mil
