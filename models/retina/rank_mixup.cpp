#include "models/retina/rank_mixup.h"

#include <fmt/format.h>
#include <torch/types.h>

#include "imaging/base/error.h"

namespace models {
namespace {

void check_shapes(const at::Tensor& logits, const MixedBatch& mixed) {
  if (logits.dim() == 2 && logits.size(0) > 0 && mixed.logits.dim() == 2 && mixed.logits.size(0) > 0 &&
      mixed.logits.size(0) % logits.size(0) == 0 && mixed.logits.size(1) == logits.size(1) &&
      mixed.targets.sizes() == mixed.logits.sizes()) {
    return;
  }
  throw imaging::Error(
      imaging::ErrorCode::invalid_argument,
      fmt::format("{} rows of mixed logits do not fit {} raw ones.", mixed.logits.size(0), logits.size(0)));
}

}  // namespace

at::Tensor mixup_ranking_loss(const at::Tensor& logits, const MixedBatch& mixed, const at::Tensor& keep,
                              double margin) {
  check_shapes(logits, mixed);
  if (mixed.logits.size(0) != logits.size(0)) {
    throw imaging::Error(
        imaging::ErrorCode::invalid_argument,
        fmt::format("The ranking loss takes one mixed copy, not {}.", mixed.logits.size(0) / logits.size(0)));
  }
  return (keep * (mixed.logits.amax(1) - logits.amax(1) + margin).relu()).mean();
}

at::Tensor mixup_ndcg_loss(const at::Tensor& logits, const MixedBatch& mixed) {
  check_shapes(logits, mixed);
  const auto count = logits.size(0);
  const auto raw = logits.softmax(1).amax(1).unsqueeze(1);                         // [B, 1]
  const auto confidences = mixed.logits.softmax(1).amax(1).view({-1, count}).t();  // [B, M]
  const auto targets = mixed.targets.amax(1).view({-1, count}).t().to(logits.scalar_type());
  const auto [sorted, order] = targets.sort(/*stable=*/true, /*dim=*/1, /*descending=*/true);
  const auto places = at::arange(2, 3 + sorted.size(1), logits.options());
  const auto discounts = places.log2();
  const auto gain = (at::cat({raw, confidences.gather(1, order)}, 1) / discounts).sum(1);
  const auto ideal = (at::cat({at::ones_like(raw), sorted}, 1) / discounts).sum(1);
  return (1 - at::minimum(gain / ideal, ideal / gain)).mean();
}

}  // namespace models
