#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace mil {

/// A uniform random order of 0 to n - 1.
using Permutation = std::function<std::vector<std::int64_t>(std::int64_t n)>;

/// How several heads agree on the candidates.
enum class HeadFusion {
  vote,  ///< each head votes for its own k; the k with most votes
  mean,  ///< the first floor(k / heads) of every head, united
};

/// Shares of the whole bag, each 0 (off) to 1; the sets are united (MHIM: HAM, R-HAM, L-HAM, LR-HAM).
struct MaskRatios {
  double random = 0;  ///< masked at random
  double low = 0;     ///< masked from the lowest scores
  double high = 0;    ///< masked from the highest scores
  double high_pool =
      1;  ///< rho: the high stage draws at random from the top high / high_pool; 1 takes the top itself
};

/// Tells which instances the student does not see.
///
/// @param scores       [H, N] row-major: a row per head
/// @param count        N
/// @param permutation  called once per stage with something to choose, in the order random, low, high
/// @return             Masked instances, ascending. May be all of them.
/// @throws imaging::Error  `invalid_argument` on a ratio outside 0 to 1 or scores that are no [H, N].
/// @par Reference  [tang2023]
[[nodiscard]] std::vector<std::int64_t> select_masked(std::span<const float> scores, std::int64_t count,
                                                      const MaskRatios& ratios,
                                                      const Permutation& permutation,
                                                      HeadFusion fusion = HeadFusion::vote);

/// The rest, ascending: the order in which the student gets them.
[[nodiscard]] std::vector<std::int64_t> kept_instances(std::span<const std::int64_t> masked,
                                                       std::int64_t count);

}  // namespace mil
