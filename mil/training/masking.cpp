#include "mil/training/masking.h"

#include <fmt/format.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>

#include "imaging/base/error.h"

namespace mil {
namespace {

enum class End { lowest, highest };

/// The `kept` outermost indices, outermost first. By torch's own top-k, which decides ties as the official
/// code does.
template <typename T>
std::vector<std::int64_t> first_in_order(std::span<const T> values, std::int64_t kept, End end) {
  const auto wrapped =
      at::from_blob(const_cast<T*>(values.data()), {static_cast<std::int64_t>(values.size())},
                    c10::CppTypeToScalarType<T>::value);
  const auto indices =
      std::get<1>(wrapped.topk(kept, /*dim=*/0, /*largest=*/end == End::highest, /*sorted=*/true));
  return {indices.template data_ptr<std::int64_t>(), indices.template data_ptr<std::int64_t>() + kept};
}

struct Scores {
  std::span<const float> values;
  std::int64_t count;
  [[nodiscard]] std::int64_t heads() const { return static_cast<std::int64_t>(values.size()) / count; }
  [[nodiscard]] std::span<const float> head(std::int64_t number) const {
    return values.subspan(static_cast<std::size_t>(number * count), static_cast<std::size_t>(count));
  }
};

std::vector<std::int64_t> find_candidates(const Scores& scores, std::int64_t k, End end, HeadFusion fusion) {
  if (scores.heads() == 1) return first_in_order(scores.head(0), k, end);
  const auto per_head = fusion == HeadFusion::vote ? k : k / scores.heads();
  std::vector<std::int64_t> votes(static_cast<std::size_t>(scores.count), 0);
  for (std::int64_t head = 0; head < scores.heads(); ++head) {
    for (const auto index : first_in_order(scores.head(head), per_head, end))
      ++votes[static_cast<std::size_t>(index)];
  }
  if (fusion == HeadFusion::vote)
    return first_in_order(std::span<const std::int64_t>(votes), k, End::highest);
  const auto named = std::count_if(votes.begin(), votes.end(), [](auto vote) { return vote > 0; });
  return first_in_order(std::span<const std::int64_t>(votes), named, End::highest);
}

/// One stage: marks ceil(N share) of the bag, drawn from a pool of the share / pool outermost scores.
void mask_stage(const Scores& scores, double share, double pool, End end, const Permutation& permutation,
                HeadFusion fusion, std::vector<bool>& masked) {
  if (share <= 0) return;
  double pool_share = share / pool;
  if (pool_share > 1) {
    pool = share;
    pool_share = 1;
  }
  const auto k = static_cast<std::int64_t>(std::ceil(static_cast<double>(scores.count) * pool_share));
  auto candidates = find_candidates(scores, k, end, fusion);
  if (pool < 1) {
    const auto size = static_cast<std::int64_t>(candidates.size());
    const auto chosen = static_cast<std::size_t>(std::ceil(static_cast<double>(size) * pool));
    const auto order = permutation(size);
    std::vector<std::int64_t> drawn;
    for (std::size_t i = 0; i < chosen; ++i) drawn.push_back(candidates[static_cast<std::size_t>(order[i])]);
    candidates = std::move(drawn);
  }
  for (const auto index : candidates) masked[static_cast<std::size_t>(index)] = true;
}

}  // namespace

std::vector<std::int64_t> select_masked(std::span<const float> scores, std::int64_t count,
                                        const MaskRatios& ratios, const Permutation& permutation,
                                        HeadFusion fusion) {
  // MHIM draws its random stage by the same rule, from a pool larger than the bag.
  constexpr double kRandomPool = 0.001;
  const auto is_share = [](double value) { return value >= 0 && value <= 1; };
  if (!is_share(ratios.random) || !is_share(ratios.low) || !is_share(ratios.high) ||
      !is_share(ratios.high_pool) || (ratios.high > 0 && ratios.high_pool <= 0)) {
    throw imaging::Error(imaging::ErrorCode::invalid_argument,
                         fmt::format("Mask ratios {}, {}, {} (pool {}) are not all in 0 to 1.", ratios.random,
                                     ratios.low, ratios.high, ratios.high_pool));
  }
  if (count < 1 || scores.empty() || scores.size() % static_cast<std::size_t>(count) != 0) {
    throw imaging::Error(imaging::ErrorCode::invalid_argument,
                         fmt::format("{} scores are no rows of {} instances.", scores.size(), count));
  }
  const Scores rows{scores, count};
  std::vector<bool> masked(static_cast<std::size_t>(count), false);
  mask_stage(rows, ratios.random, kRandomPool, End::lowest, permutation, fusion, masked);
  mask_stage(rows, ratios.low, 1, End::lowest, permutation, fusion, masked);
  mask_stage(rows, ratios.high, ratios.high_pool, End::highest, permutation, fusion, masked);
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < count; ++i) {
    if (masked[static_cast<std::size_t>(i)]) indices.push_back(i);
  }
  return indices;
}

std::vector<std::int64_t> kept_instances(std::span<const std::int64_t> masked, std::int64_t count) {
  std::vector<std::int64_t> kept;
  auto next = masked.begin();
  for (std::int64_t i = 0; i < count; ++i) {
    if (next != masked.end() && *next == i) {
      ++next;
    } else {
      kept.push_back(i);
    }
  }
  return kept;
}

}  // namespace mil
