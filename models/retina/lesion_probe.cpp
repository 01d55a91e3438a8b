#include "models/retina/lesion_probe.h"

#include <torch/types.h>

#include "imaging/base/error.h"

namespace models {
namespace {

constexpr double kTouched = 0.3;  ///< of a pixel, for its cell to hold a lesion

}  // namespace

LesionProbe::LesionProbe(std::int64_t channels, std::int64_t kinds)
    : sum_(at::zeros({channels}, at::kDouble)),
      products_(at::zeros({channels, channels}, at::kDouble)),
      lesion_cells_(at::zeros({kinds}, at::kDouble)),
      lesion_sum_(at::zeros({kinds, channels}, at::kDouble)) {}

void LesionProbe::add(const at::Tensor& map, const at::Tensor& lesions, const at::Tensor& field) {
  const auto height = map.size(1), width = map.size(2);
  const auto inside = (at::adaptive_avg_pool2d(field, {height, width}) >= 0.5).flatten().nonzero().squeeze(1);
  if (inside.numel() == 0) return;
  const auto rows = map.flatten(1).t().index_select(0, inside);  // [n, C]
  const auto touched = std::get<0>(at::adaptive_max_pool2d(lesions, {height, width})) > kTouched;
  const auto marks = touched.flatten(1).index_select(1, inside).to(at::kFloat);  // [kinds, n]
  cells_ += static_cast<double>(inside.numel());
  sum_ += rows.sum(0).to(at::kDouble);
  products_ += rows.t().matmul(rows).to(at::kDouble);
  lesion_cells_ += marks.sum(1).to(at::kDouble);
  lesion_sum_ += marks.matmul(rows).to(at::kDouble);
}

LinearHead LesionProbe::fit(double shrinkage) const {
  if (cells_ < 2) {
    throw imaging::Error(imaging::ErrorCode::insufficient_data,
                         "No training photograph comes with lesion masks; the pooling lesions needs some "
                         "(--lesions), or take another pooling.");
  }
  const auto mean = sum_ / cells_;
  const auto covariance = products_ / cells_ - mean.outer(mean);
  const auto scale = covariance.diagonal().clamp_min(1e-12).sqrt();
  const auto standardised =
      covariance / scale.outer(scale) * (1 - shrinkage) + shrinkage * at::eye(scale.size(0), scale.options());
  const auto with = lesion_cells_.unsqueeze(1), without = (cells_ - lesion_cells_).unsqueeze(1);
  const auto centre = lesion_sum_ / with.clamp_min(1);
  const auto rest = (sum_ - lesion_sum_) / without.clamp_min(1);
  const auto is_seen = (with > 0).logical_and(without > 0).to(at::kDouble);
  const auto apart = (centre - rest) / scale * is_seen;  // [kinds, C]
  // Of the covariance within the two classes: that of all cells less what lies between their means.
  auto direction = at::cholesky_solve(apart.t(), at::linalg_cholesky(standardised)).t();
  const auto between = (1 - shrinkage) * with * without / (cells_ * cells_);
  direction = direction / (1 - between * (direction * apart).sum(1, /*keepdim=*/true)).clamp_min(1e-3);
  const auto weight = direction / scale;
  const auto middle = (weight * (centre + rest) / 2).sum(1);
  const auto odds = ((lesion_cells_ + 1) / (cells_ - lesion_cells_ + 1)).log();
  return {weight.to(at::kFloat), (odds - middle).to(at::kFloat)};
}

}  // namespace models
