#include "models/retina/deco.h"

#include <fmt/format.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "imaging/base/error.h"
#include "models/retina/gdrnet_loss.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;

constexpr double kVarianceFloor = 1e-6;
constexpr double kKept = 0.8;  // share of the old prototype

at::Tensor per_sample(const at::Tensor& shares) {
  return shares.view({-1, 1, 1, 1});
}

/// The mean of the rows of each present number, laid into its slot.
void update_slots(const std::vector<std::pair<at::Tensor, at::Tensor>>& slots_and_rows, at::Tensor& has,
                  const at::Tensor& numbers) {
  const auto count = has.size(0);
  const auto& first = slots_and_rows.front().second;
  const auto members = at::one_hot(numbers, count).to(first.scalar_type()).t();  // [K, B]
  const auto sizes = members.sum(1);
  const auto is_present = sizes > 0;
  const auto share = at::where(has, at::full_like(sizes, kKept), at::zeros_like(sizes));
  const auto kept = at::where(is_present, share, at::ones_like(sizes));
  for (const auto& [slot, rows] : slots_and_rows) {
    const auto sums = at::mm(members, rows.flatten(1)).view_as(slot);
    const auto means = sums / per_sample(sizes.clamp_min(1));
    slot.mul_(per_sample(kept)).add_(means * per_sample(1 - kept));
  }
  has = has.logical_or(is_present);
}

}  // namespace

Disentangled Disentangled::of(const at::Tensor& features) {
  if (features.dim() != 4 || features.size(2) * features.size(3) < 2) {
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("A feature map of rank {} cannot be taken apart; [B, C, H, W] with two pixels or more is "
                    "needed.",
                    features.dim()));
  }
  Disentangled parts;
  parts.mean = features.mean({2, 3}, /*keepdim=*/true);
  parts.deviation =
      (features.var(at::IntArrayRef{2, 3}, /*unbiased=*/true, /*keepdim=*/true) + kVarianceFloor).sqrt();
  parts.semantics = (features - parts.mean) / parts.deviation;
  return parts;
}

std::vector<double> data_aware_weights(std::span<const std::int64_t> counts, double beta) {
  auto rarest = std::numeric_limits<std::int64_t>::max();
  for (const auto count : counts) {
    if (count > 0) rarest = std::min(rarest, count);
  }
  if (rarest == std::numeric_limits<std::int64_t>::max())
    throw Error(ErrorCode::invalid_argument, "No class or domain has an image; weights cannot be made.");
  std::vector<double> weights;
  for (const auto count : counts) {
    weights.push_back(count > 0 ? std::pow(static_cast<double>(rarest) / static_cast<double>(count), beta)
                                : 1.0);
  }
  return weights;
}

PrototypeBank PrototypeBank::make_empty(std::int64_t class_count, std::int64_t domain_count,
                                        at::IntArrayRef semantics_size, at::TensorOptions options) {
  auto size = semantics_size.vec();
  size.insert(size.begin(), class_count);
  const std::vector<std::int64_t> noise{domain_count, semantics_size[0], 1, 1};
  const auto flags = options.dtype(at::kBool);
  return PrototypeBank({.class_semantics = at::zeros(size, options),
                        .domain_mean = at::zeros(noise, options),
                        .domain_deviation = at::ones(noise, options),
                        .has_class = at::zeros({class_count}, flags),
                        .has_domain = at::zeros({domain_count}, flags)});
}

void PrototypeBank::update(const Disentangled& first, const at::Tensor& labels, const Disentangled& second,
                           const at::Tensor& domains) {
  const at::NoGradGuard guard;
  update_slots({{state_.class_semantics, first.semantics}}, state_.has_class, labels);
  update_slots({{state_.domain_mean, second.mean}, {state_.domain_deviation, second.deviation}},
               state_.has_domain, domains);
}

Disentangled mix_representations(const Disentangled& first, const Disentangled& second,
                                 const Disentangled& prototypes, const MixShares& shares) {
  const auto a = per_sample(shares.semantics);
  const auto b = per_sample(shares.noise);
  return {.semantics = a * first.semantics + (1 - a) * prototypes.semantics,
          .mean = b * second.mean + (1 - b) * prototypes.mean,
          .deviation = b * second.deviation + (1 - b) * prototypes.deviation};
}

at::Tensor alignment_loss(const at::Tensor& original, const at::Tensor& augmented, double temperature,
                          AlignmentForm form) {
  const auto views =
      at::stack({Disentangled::of(original).semantics, Disentangled::of(augmented).semantics}, 1);
  if (form == AlignmentForm::flat) return two_view_contrast(views.flatten(2), temperature);
  // [B, 2, C, L] -> [L, B, 2, C]: each location is a batch of its own.
  return two_view_contrast(views.flatten(3).permute({3, 0, 1, 2}), temperature);
}

}  // namespace models
