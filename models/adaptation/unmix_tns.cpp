#include "models/adaptation/unmix_tns.h"

#include <torch/nn/functional/normalization.h>
#include <torch/types.h>

#include <cmath>

namespace models {
namespace {

constexpr double kTemperature = 0.07;
constexpr double kSpread = 0.5;  // share of the source's variance that lies within a component

}  // namespace

NormComponents make_components(const ChannelStatistics& source, const at::Tensor& noise) {
  const auto count = noise.size(0);
  if (count == 1)
    return {.mean = source.mean.unsqueeze(0).clone(), .variance = source.variance.unsqueeze(0).clone()};
  const double between = kSpread * static_cast<double>(count) / static_cast<double>(count - 1);
  return {.mean = source.mean + std::sqrt(between) * source.variance.sqrt() * noise,
          .variance = (kSpread * source.variance).expand_as(noise).clone()};
}

double unmix_momentum(std::int64_t batch_size, std::int64_t largest_batch, double layer_momentum) {
  return 1 -
         std::pow(1 - layer_momentum, static_cast<double>(batch_size) / static_cast<double>(largest_batch));
}

at::Tensor unmix_normalise(const at::Tensor& x, NormComponents& components, const SourceNorm& source,
                           double momentum) {
  namespace functional = torch::nn::functional;
  const auto image = instance_statistics(x);  // [B, C]
  at::Tensor share;                           // [B, K, 1]
  {
    const at::NoGradGuard guard;
    const auto unit = [](const at::Tensor& rows) {
      return functional::normalize(rows, functional::NormalizeFuncOptions().p(2).dim(1).eps(1e-12));
    };
    share = (at::mm(unit(image.mean), unit(components.mean).t()) / kTemperature).softmax(1).unsqueeze(2);
  }
  const auto towards = [&](const at::Tensor& component, const at::Tensor& own) {
    return (1 - share) * component.unsqueeze(0) + share * own.unsqueeze(1);  // [B, K, C]
  };
  const auto means = towards(components.mean, image.mean);
  const auto mean = means.mean(1);
  const auto variance =
      towards(components.variance, image.variance).mean(1) + means.square().mean(1) - mean.square();
  const auto y =
      normalise_channels(x, {.mean = mean, .variance = variance}, source.scale, source.shift, source.epsilon);
  if (momentum > 0) {
    const at::NoGradGuard guard;
    const auto move = [&](at::Tensor& component, const at::Tensor& own) {
      component = component + momentum * (share * (own.unsqueeze(1) - component.unsqueeze(0))).mean(0);
    };
    move(components.mean, image.mean);
    move(components.variance, image.variance);
  }
  return y;
}

}  // namespace models
