#include "mil/losses/supervised_contrastive.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/types.h>

#include "imaging/base/error.h"
#include "models/runtime/contrast.h"

namespace mil {
namespace {

void check_temperature(double temperature) {
  if (!(temperature > 0)) {
    throw imaging::Error(imaging::ErrorCode::invalid_argument,
                         fmt::format("A contrast at temperature {} is not defined.", temperature));
  }
}

void check_shapes(bool fit, const at::Tensor& first, const at::Tensor& second) {
  if (!fit) {
    throw imaging::Error(imaging::ErrorCode::invalid_argument,
                         fmt::format("A contrast of [{}] with [{}] is not defined.",
                                     fmt::join(first.sizes(), ", "), fmt::join(second.sizes(), ", ")));
  }
}

}  // namespace

at::Tensor supervised_contrast(const at::Tensor& features, const at::Tensor& labels,
                               const SupervisedContrastOptions& options) {
  check_temperature(options.temperature);
  check_shapes(
      (features.dim() == 2 || features.dim() == 3) && labels.dim() == 1 && features.size(0) == labels.size(0),
      features, labels);
  const auto views = features.dim() == 3 ? features.size(1) : 1;
  const auto rows = features.dim() == 3 ? features.transpose(0, 1).flatten(0, 1) : features;
  const auto row_labels = labels.repeat({views});
  const auto count = rows.size(0);
  if (count < 2) return rows.sum() * 0;
  const auto is_self = at::eye(count, at::TensorOptions(at::kBool).device(rows.device()));
  const auto is_positive = row_labels.unsqueeze(1).eq(row_labels.unsqueeze(0)).logical_and(~is_self);
  const auto each = models::anchor_contrast(rows, is_positive, options.temperature);
  const auto loss = options.lone_anchors == LoneAnchors::count_as_zero
                        ? each.mean()
                        : each.sum() / is_positive.any(1).sum().clamp_min(1);
  return options.base_temperature ? loss * (options.temperature / *options.base_temperature) : loss;
}

at::Tensor queue_contrast(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& queue,
                          double temperature) {
  check_temperature(temperature);
  check_shapes(queries.dim() == 2 && queries.sizes() == keys.sizes(), queries, keys);
  check_shapes(queue.dim() == 2 && queue.size(1) == queries.size(1), queries, queue);
  const auto own = (queries * keys).sum(1, /*keepdim=*/true);
  const auto logits = at::cat({own, at::mm(queries, queue.t())}, 1) / temperature;
  return -logits.log_softmax(1).select(1, 0).mean();
}

at::Tensor pseudo_label_contrast(const at::Tensor& features, const at::Tensor& labels,
                                 std::int64_t anchor_count, double temperature) {
  check_temperature(temperature);
  check_shapes(features.dim() == 2 && labels.dim() == 1 && features.size(0) == labels.size(0) &&
                   anchor_count >= 1 && anchor_count <= features.size(0),
               features, labels);
  constexpr double kGuard = 1e-12;
  const auto is_other =
      ~at::eye(anchor_count, features.size(0), at::TensorOptions(at::kBool).device(features.device()));
  const auto is_positive =
      labels.narrow(0, 0, anchor_count).unsqueeze(1).eq(labels.unsqueeze(0)).logical_and(is_other);
  auto logits = at::mm(features.narrow(0, 0, anchor_count), features.t()) / temperature;
  logits = logits - logits.detach().amax(1, /*keepdim=*/true);
  const auto others = (logits.exp() * is_other).sum(1, /*keepdim=*/true);
  const auto log_probabilities = logits - (others + kGuard).log();
  const auto positives = is_positive.sum(1);
  const auto sums = at::where(is_positive, log_probabilities, at::zeros_like(log_probabilities)).sum(1);
  return -(sums / positives.clamp_min(1)).sum() / (positives > 0).sum().clamp_min(1);
}

}  // namespace mil
