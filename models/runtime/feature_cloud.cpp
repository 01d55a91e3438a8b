#include "models/runtime/feature_cloud.h"

#include <fmt/format.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>

#include "imaging/base/error.h"
#include "models/runtime/safetensors.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;

constexpr std::int64_t kMostComponents = 32;
constexpr double kKeptVariance = 0.95;
constexpr double kPriorRows = 4;               ///< that the mean variance of all dimensions counts for
constexpr std::int64_t kPercentileSteps = 20;  ///< 0, 5, ..., 100 %

/// A cloud of points: where it lies, and along which directions it spreads.
struct Space {
  at::Tensor mean, scale;  ///< [D]
  at::Tensor components;   ///< [K, D], unit rows
  at::Tensor variances;    ///< [K]
};

struct Distances {
  double within = 0, left_over = 0;
};

/// @param points  [n, D] double, n >= 2
Space span_space(const at::Tensor& points) {
  const auto count = points.size(0), dim = points.size(1);
  Space space;
  space.mean = points.mean(0);
  // Drawn to the dimensions' mean: few rows know no single spread well, and one that never moved has none.
  const auto variances = points.var(0, /*unbiased=*/true);
  const auto degrees = static_cast<double>(count - 1);
  space.scale = ((degrees * variances + kPriorRows * variances.mean()) / (degrees + kPriorRows)).sqrt();
  const auto rows = (points - space.mean) / space.scale;
  const auto share = 1.0 / static_cast<double>(count - 1);
  at::Tensor values, directions;
  if (count <= dim) {
    const auto [eigenvalues, vectors] = at::linalg_eigh(rows.matmul(rows.t()) * share);
    values = eigenvalues.flip(0).clamp_min(0);
    directions = vectors.flip(1).t().matmul(rows);
  } else {
    const auto [eigenvalues, vectors] = at::linalg_eigh(rows.t().matmul(rows) * share);
    values = eigenvalues.flip(0).clamp_min(0);
    directions = vectors.flip(1).t();
  }
  const auto explained = values.cumsum(0) / values.sum();
  const auto needed = (explained < kKeptVariance).sum().item<std::int64_t>() + 1;
  const auto kept = std::min({needed, kMostComponents, std::max<std::int64_t>(1, count / 2), values.size(0)});
  space.variances = values.slice(0, 0, kept).clone();
  const auto top = directions.slice(0, 0, kept);
  space.components = top / top.norm(2, 1, true).clamp_min(1e-300);
  return space;
}

Distances measure(const Space& space, const at::Tensor& point) {
  const auto row = (point - space.mean) / space.scale;
  const auto places = space.components.matmul(row);
  const auto rest = row - space.components.t().matmul(places);
  return {(places.square() / space.variances).sum().sqrt().item<double>(), rest.norm().item<double>()};
}

double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  const double place = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const auto above = std::min(below + 1, values.size() - 1);
  return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
}

/// Value that Student's t passes once in a hundred, by the Cornish-Fisher expansion (1 % off at 4 degrees).
double student_t99(double degrees) {
  const double z = 2.3263478740408408, z2 = z * z;
  return z + z * (z2 + 1) / (4 * degrees) + z * ((5 * z2 + 16) * z2 + 3) / (96 * degrees * degrees) +
         z * (((3 * z2 + 19) * z2 + 17) * z2 - 15) / (384 * degrees * degrees * degrees);
}

bool are_alike(const at::Tensor& points) {
  return (points == points[0]).all().item<bool>();
}

/// Distances of every point from the space of others, where those differ among themselves.
std::vector<Distances> held_out_distances(const at::Tensor& points) {
  const auto count = points.size(0);
  const std::int64_t folds = count <= 20 ? count : 10;
  const auto fold_of = at::arange(count, at::kLong).remainder(folds);
  std::vector<Distances> distances;
  for (std::int64_t fold = 0; fold < folds; ++fold) {
    const auto others = points.index_select(0, (fold_of != fold).nonzero().squeeze(1));
    if (are_alike(others)) continue;
    const auto space = span_space(others);
    for (std::int64_t i = fold; i < count; i += folds) distances.push_back(measure(space, points[i]));
  }
  return distances;
}

}  // namespace

struct FeatureCloud::Numbers {
  Space space;                ///< float32 values in doubles, as stored
  double within_unit = 1;     ///< Mahalanobis distance that scores 1
  double left_over_unit = 1;  ///< residual norm that scores 1
  double threshold = 1;
  std::vector<double> percentiles;  ///< scores of held-out training rows at 0, 5, ..., 100 %

  [[nodiscard]] double score(const Distances& distances) const {
    return std::max(distances.within / within_unit, distances.left_over / left_over_unit);
  }
};

std::optional<FeatureCloud> FeatureCloud::fit(std::span<const double> rows, std::int64_t dim) {
  if (dim < 1 || rows.size() % static_cast<std::size_t>(dim) != 0) {
    throw Error(ErrorCode::invalid_argument, fmt::format("{} numbers are no rows of {}.", rows.size(), dim));
  }
  const auto count = static_cast<std::int64_t>(rows.size()) / dim;
  if (count < kMinRows) return std::nullopt;
  const auto points = at::from_blob(const_cast<double*>(rows.data()), {count, dim}, at::kDouble);
  if (are_alike(points)) return std::nullopt;

  auto numbers = std::make_shared<Numbers>();
  // To float32 and back, so that a cloud that was stored scores as before.
  const auto rounded = [](const at::Tensor& values) { return values.to(at::kFloat).to(at::kDouble); };
  const auto space = span_space(points);
  numbers->space = {rounded(space.mean), rounded(space.scale).clamp_min(1e-30), rounded(space.components),
                    rounded(space.variances).clamp_min(1e-30)};

  const auto distances = held_out_distances(points);
  std::vector<double> within, left_over, scores, logarithms;
  for (const auto& distance : distances) {
    within.push_back(distance.within);
    left_over.push_back(distance.left_over);
  }
  constexpr double kSmallest = 1e-12, kUsual = 0.95;
  constexpr double kRounding = 1e-3;  // far above what float32 leaves over, far below a standardised distance
  numbers->within_unit = std::max(quantile(within, kUsual), kRounding);
  numbers->left_over_unit = std::max(quantile(left_over, kUsual), kRounding);
  for (const auto& distance : distances) scores.push_back(numbers->score(distance));
  const double unit = std::max(quantile(scores, kUsual), kSmallest);
  numbers->within_unit *= unit;
  numbers->left_over_unit *= unit;

  const auto n = static_cast<double>(scores.size());
  double mean = 0, square = 0;
  for (auto& score : scores) {
    score /= unit;
    logarithms.push_back(std::log(std::max(score, kSmallest)));
    mean += logarithms.back() / n;
  }
  for (const double value : logarithms) square += (value - mean) * (value - mean);
  const double spread = std::sqrt(square / (n - 1) * (1 + 1 / n));
  numbers->threshold = std::max(1.0, std::exp(mean + student_t99(n - 1) * spread));
  for (std::int64_t step = 0; step <= kPercentileSteps; ++step) {
    numbers->percentiles.push_back(
        quantile(scores, static_cast<double>(step) / static_cast<double>(kPercentileSteps)));
  }
  return FeatureCloud(std::move(numbers));
}

void FeatureCloud::write(const std::filesystem::path& path) const {
  const auto& numbers = *numbers_;
  const auto limits =
      at::tensor({numbers.within_unit, numbers.left_over_unit, numbers.threshold}, at::kDouble);
  write_safetensors(path, {{"mean", numbers.space.mean.to(at::kFloat)},
                           {"scale", numbers.space.scale.to(at::kFloat)},
                           {"components", numbers.space.components.to(at::kFloat)},
                           {"variances", numbers.space.variances.to(at::kFloat)},
                           {"limits", limits},
                           {"percentiles", at::tensor(numbers.percentiles, at::kDouble)}});
}

FeatureCloud FeatureCloud::read(const std::filesystem::path& path, std::int64_t dim) {
  const auto tensors = read_safetensors(path);
  const auto take = [&](const char* name, std::vector<std::int64_t> shape) {
    const auto found = tensors.find(name);
    bool fits = found != tensors.end() && found->second.dim() == static_cast<std::int64_t>(shape.size());
    for (std::size_t i = 0; fits && i < shape.size(); ++i)
      fits = shape[i] < 0 || found->second.size(static_cast<std::int64_t>(i)) == shape[i];
    if (!fits || !found->second.isfinite().all().item<bool>()) {
      throw Error(ErrorCode::corrupt_data,
                  fmt::format("{}: its numbers '{}' are not those of a feature cloud of width {}; get the "
                              "package again.",
                              path.string(), name, dim));
    }
    return found->second.to(at::kDouble).contiguous();
  };
  auto numbers = std::make_shared<Numbers>();
  numbers->space.mean = take("mean", {dim});
  numbers->space.scale = take("scale", {dim});
  numbers->space.components = take("components", {-1, dim});
  numbers->space.variances = take("variances", {numbers->space.components.size(0)});
  const auto limits = take("limits", {3});
  const auto percentiles = take("percentiles", {kPercentileSteps + 1});
  const bool is_positive = (numbers->space.scale > 0).all().item<bool>() &&
                           (numbers->space.variances > 0).all().item<bool>() &&
                           (limits > 0).all().item<bool>();
  if (!is_positive) {
    throw Error(ErrorCode::corrupt_data,
                fmt::format("{}: a scale of its feature cloud is not above 0; get the package again.",
                            path.string()));
  }
  numbers->within_unit = limits[0].item<double>();
  numbers->left_over_unit = limits[1].item<double>();
  numbers->threshold = limits[2].item<double>();
  numbers->percentiles.assign(percentiles.data_ptr<double>(),
                              percentiles.data_ptr<double>() + percentiles.numel());
  return FeatureCloud(std::move(numbers));
}

OutOfDistribution FeatureCloud::score(std::span<const double> row) const {
  const auto& numbers = *numbers_;
  const auto dim = static_cast<std::int64_t>(row.size());
  if (dim != numbers.space.mean.size(0)) {
    throw Error(ErrorCode::incompatible, fmt::format("A row has {} features, the training rows had {}.", dim,
                                                     numbers.space.mean.size(0)));
  }
  const double score = numbers.score(
      measure(numbers.space, at::from_blob(const_cast<double*>(row.data()), {dim}, at::kDouble)));
  const auto& marks = numbers.percentiles;
  const auto above =
      static_cast<std::size_t>(std::upper_bound(marks.begin(), marks.end(), score) - marks.begin());
  double steps = static_cast<double>(above);
  if (above > 0 && above < marks.size())
    steps = static_cast<double>(above - 1) + (score - marks[above - 1]) / (marks[above] - marks[above - 1]);
  const double percentile = 100 * std::min(1.0, steps / static_cast<double>(kPercentileSteps));
  return {.score = score, .threshold = numbers.threshold, .percentile = percentile};
}

}  // namespace models
