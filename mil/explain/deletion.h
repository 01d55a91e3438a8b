#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "mil/bags/bag.h"

namespace mil {

class BagClassifier;

struct DeletionOptions {
  std::int64_t steps = 20;         ///< of equal share of the tiles
  std::int64_t random_orders = 5;  ///< whose mean is the reference
  std::uint64_t seed = 1;          ///< of those orders
};

/// A class's probability while tiles go or come, at the shares 0, 1/k, ..., 1 of the tiles that were changed.
/// A bag never gets empty: at share 1 of `deletion` and 0 of `insertion` one tile is left.
struct DeletionCurves {
  std::vector<double> shares;                             ///< [k + 1]
  std::vector<double> deletion, insertion;                ///< [k + 1], in order of score, highest first
  std::vector<double> random_deletion, random_insertion;  ///< [k + 1], in random order, mean of some
  double deletion_area = 0, insertion_area = 0;           ///< of the curves over the share, 0 to 1
  double random_deletion_area = 0, random_insertion_area = 0;
};

/// Measures whether a bag's tile scores name the tiles that the verdict rests on: without the highest the
/// probability should fall soon (deletion area below the random one), with them alone it should be there soon
/// (insertion area above the random one).
///
/// @param scores        one per tile: how much it speaks for the class; equal ones by row
/// @param target_class  whose probability is watched
/// @throws imaging::Error  `invalid_argument` on a size or class that does not fit, or options below 1; as
/// BagClassifier::predict.
/// @par Cost       2 (steps + 1) (random_orders + 1) predictions
/// @par Reference  [petsiuk2018]
[[nodiscard]] DeletionCurves measure_deletion(BagClassifier& classifier, const Bag& bag,
                                              std::span<const double> scores, std::int64_t target_class,
                                              const DeletionOptions& options = {});

}  // namespace mil
