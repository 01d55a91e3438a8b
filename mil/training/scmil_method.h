#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "imaging/base/random.h"
#include "mil/training/scmil_options.h"
#include "mil/training/training_method.h"

namespace mil {

/// Share of the contrast in SC-MIL's loss.
/// @param epoch  t, from 0
/// @return       parabolic 1 - (t/T)^2, linear 1 - t/T, cosine (1 + cos(pi t/T)) / 2, step 1 while
///               t < scmil_switch T and 0 from there, const scmil_weight
[[nodiscard]] double contrast_weight(const ScmilOptions& options, std::int64_t epoch, std::int64_t epochs);

/// Cuts one epoch, of as many bags as there are or a few more, into batches: indices into `labels`.
///
/// Natural: every bag once, shuffled; the last batch may be short. Balanced: full batches that hold the
/// present classes in equal numbers (what is left over goes to the classes in turn), each class dealt round
/// and round from its own shuffled bags, so that a class with one bag meets itself: two draws of its tiles,
/// two dropouts.
/// @throws imaging::Error  `invalid_argument` where a balanced batch cannot hold two bags of every class.
[[nodiscard]] std::vector<std::vector<std::size_t>> draw_bag_batches(const std::vector<std::int64_t>& labels,
                                                                     std::int64_t batch, bool is_balanced,
                                                                     imaging::Random& random);

/// SC-MIL: supervised contrast of projected bag embeddings, handing over to the base's own loss on the
/// unprojected ones: L = beta L_SCL + (1 - beta) L_base, over batches of bags. Our reconstruction; no
/// official code is public, and schedule, projection and sampler are not established as the paper's. Not
/// Sparsely Coded MIL, which has the same short name.
///
/// Composes with any base. The gradient is that of the joint graph, to rounding, in the memory of one bag:
/// bags are embedded without a graph, the contrast's gradient by each embedding is taken from the B x E
/// matrix, and each bag runs again with its graph, under the same draw of tiles and dropout, to
/// back-propagate its row together with its share of the base loss. With several processes each embeds a
/// share of every batch.
///
/// Where the specification is in doubt (pitfall 20): a bag alone of its class leaves the mean over anchors
/// unless `scmil_lone_anchors` says "zero"; a batch of one bag has no contrast, hence two at least.
///
/// @throws imaging::Error  `invalid_argument` as draw_bag_batches.
/// @par Reference  [juyal2024]
[[nodiscard]] std::unique_ptr<TrainingMethod> make_scmil_method(const TrainingPlan& plan,
                                                                MethodContext context);

}  // namespace mil
