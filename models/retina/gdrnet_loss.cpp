#include "models/retina/gdrnet_loss.h"

#include <fmt/format.h>
#include <torch/nn/functional.h>
#include <torch/types.h>

#include <cmath>
#include <numeric>

#include "imaging/base/error.h"
#include "models/runtime/contrast.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;

constexpr double kBaseTemperature = 0.07;
constexpr double kContrastScale = 4;
constexpr double kEffectiveBeta = 0.999;

}  // namespace

at::Tensor two_view_contrast(const at::Tensor& views, double temperature) {
  if (views.dim() < 3 || views.size(-2) != 2 || views.numel() == 0 || !(temperature > 0)) {
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format(
            "A contrast of two views takes [..., B, 2, D] and a temperature above 0, not rank {} and {}.",
            views.dim(), temperature));
  }
  const auto count = views.size(-3);
  auto shape = views.sizes().vec();
  shape.erase(shape.end() - 2);
  shape[shape.size() - 2] = 2 * count;
  // Rows in the order of images, the two views side by side.
  const auto rows =
      torch::nn::functional::normalize(views, torch::nn::functional::NormalizeFuncOptions().p(2).dim(-1))
          .reshape(shape);
  const auto order = at::arange(2 * count, views.options().dtype(at::kLong));
  const auto is_partner = order.bitwise_xor(1).unsqueeze(1).eq(order.unsqueeze(0));
  return anchor_contrast(rows, is_partner, temperature).mean() * (temperature / kBaseTemperature);
}

std::vector<double> smoothed_shares(std::span<const std::int64_t> counts, double beta) {
  const auto total = static_cast<double>(std::accumulate(counts.begin(), counts.end(), std::int64_t{0}));
  std::vector<double> shares;
  double sum = 0;
  for (const auto count : counts) {
    if (count < 0 || total == 0) {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("Counts of images must be 0 or more and not all 0; one is {}.", count));
    }
    shares.push_back(count > 0 ? std::pow(static_cast<double>(count) / total, beta) : 0.0);
    sum += shares.back();
  }
  for (auto& share : shares) share /= sum;
  return shares;
}

at::Tensor domain_aware_cross_entropy(const at::Tensor& logits, const at::Tensor& labels,
                                      const at::Tensor& class_weight, const at::Tensor& domain_weight) {
  const auto each = at::cross_entropy_loss(logits, labels, {}, at::Reduction::None);
  return (each * class_weight * domain_weight).mean() / (domain_weight.mean() * class_weight.mean());
}

at::Tensor gdrnet_loss(const at::Tensor& supervised, const at::Tensor& contrast, double alpha) {
  return (1 - alpha) * supervised + alpha * contrast / kContrastScale;
}

std::vector<double> effective_number_weights(std::span<const std::int64_t> counts) {
  std::vector<double> weights;
  double sum = 0;
  std::int64_t present = 0;
  for (const auto count : counts) {
    weights.push_back(
        count > 0 ? (1 - kEffectiveBeta) / (1 - std::pow(kEffectiveBeta, static_cast<double>(count))) : 0.0);
    sum += weights.back();
    present += count > 0 ? 1 : 0;
  }
  if (present == 0)
    throw Error(ErrorCode::invalid_argument, "No class has an image; weights cannot be made.");
  for (auto& weight : weights) weight *= static_cast<double>(present) / sum;
  return weights;
}

}  // namespace models
