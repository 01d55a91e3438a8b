#include "models/retina/linear_discriminant.h"

#include <torch/types.h>

namespace models {

LinearHead linear_discriminant(const at::Tensor& features, const at::Tensor& labels, std::int64_t classes,
                               double shrinkage, const at::Tensor& emphasis) {
  const auto x = features.to(torch::kDouble);
  const auto count = static_cast<double>(x.size(0));
  const auto mean = x.mean(0);
  auto scale = x.std(0).clamp_min(1e-9);
  if (emphasis.defined()) scale = scale / emphasis.to(torch::kDouble);
  const auto z = (x - mean) / scale;
  const auto members = torch::one_hot(labels, classes).to(torch::kDouble);  // [N, K]
  const auto sizes = members.sum(0);
  const auto centres = members.t().matmul(z) / sizes.clamp_min(1).unsqueeze(1);  // [K, D]
  const auto rest = z - centres.index_select(0, labels);
  const auto covariance =
      rest.t().matmul(rest) * ((1 - shrinkage) / count) + shrinkage * torch::eye(x.size(1), x.options());
  const auto weight = at::cholesky_solve(centres.t(), at::linalg_cholesky(covariance)).t();  // [K, D]
  const auto prior = ((sizes + 0.5) / (count + 0.5 * static_cast<double>(classes))).log();
  const auto bias = prior - 0.5 * (weight * centres).sum(1);
  const auto scaled = weight / scale;
  return {scaled.to(torch::kFloat32), (bias - scaled.matmul(mean)).to(torch::kFloat32)};
}

}  // namespace models
