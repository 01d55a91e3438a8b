#include "models/adaptation/osuda.h"

#include <fmt/format.h>
#include <torch/types.h>

#include <cmath>

#include "imaging/base/error.h"

namespace models {

double osuda_source_share(std::int64_t t, double eta_0, double kappa) {
  return eta_0 * std::exp(-kappa * static_cast<double>(t));
}

double osuda_entropy_weight(std::int64_t t, std::int64_t steps, double start) {
  return start * (1 - static_cast<double>(t) / static_cast<double>(steps));
}

at::Tensor channel_distance(const ChannelStatistics& source, const ChannelStatistics& target,
                            double epsilon) {
  const auto ratio = [&](const ChannelStatistics& of) { return of.mean * (of.variance + epsilon).rsqrt(); };
  return (ratio(source) - ratio(target)).abs();
}

std::vector<at::Tensor> transferability(const std::vector<at::Tensor>& distances, TransferScope scope) {
  const at::NoGradGuard guard;
  std::vector<at::Tensor> weights;
  for (const auto& distance : distances) {
    const auto weight = (1 + distance).reciprocal();
    weights.push_back(scope == TransferScope::per_layer ? weight / weight.mean() : weight);
  }
  if (scope == TransferScope::network) {
    const auto mean = at::cat(weights).mean();
    for (auto& weight : weights) weight = weight / mean;
  }
  return weights;
}

at::Tensor high_order_consistency(const std::vector<ScaleShift>& source,
                                  const std::vector<ScaleShift>& target,
                                  const std::vector<at::Tensor>& alphas, Reduction reduction) {
  if (source.empty() || source.size() != target.size() || source.size() != alphas.size()) {
    throw imaging::Error(
        imaging::ErrorCode::invalid_argument,
        fmt::format("{} layers of the source, {} of the target, {} weights; they must be as many.",
                    source.size(), target.size(), alphas.size()));
  }
  std::vector<at::Tensor> terms;
  for (std::size_t i = 0; i < source.size(); ++i) {
    terms.push_back((1 + alphas[i]) *
                    ((source[i].scale - target[i].scale).abs() + (source[i].shift - target[i].shift).abs()));
  }
  const auto all = at::cat(terms);
  return reduction == Reduction::sum ? all.sum() : all.mean();
}

at::Tensor pixel_entropy(const at::Tensor& logits) {
  const auto log_probabilities = logits.log_softmax(1);
  return -(log_probabilities.exp() * log_probabilities).sum(1);
}

at::Tensor class_correlation_loss(const at::Tensor& logits, CoreForm form) {
  const auto probabilities = logits.softmax(1);
  if (form == CoreForm::sample) return (1 - probabilities.square().sum(1)).mean();
  const auto correlation = at::mm(probabilities.t(), probabilities);
  if (form == CoreForm::batch)
    return (correlation.sum() - correlation.diagonal().sum()) / static_cast<double>(logits.size(0));
  const auto rows = correlation / correlation.sum(1, /*keepdim=*/true);
  return (rows.sum() - rows.diagonal().sum()) / static_cast<double>(logits.size(1));
}

}  // namespace models
