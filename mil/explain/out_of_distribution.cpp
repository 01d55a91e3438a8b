#include "mil/explain/out_of_distribution.h"

#include <fmt/format.h>

#include "imaging/base/error.h"
#include "models/runtime/feature_cloud.h"

namespace mil {

struct FeatureCloud::Numbers {
  models::FeatureCloud cloud;
};

std::vector<double> mean_features(const Bag& bag) {
  if (bag.count < 1) {
    throw imaging::Error(imaging::ErrorCode::insufficient_data,
                         fmt::format("Bag {} holds no tiles; it has no mean.", bag.id));
  }
  std::vector<double> sums(static_cast<std::size_t>(bag.dim), 0.0);
  for (std::size_t i = 0; i < bag.features.size();)
    for (auto& sum : sums) sum += static_cast<double>(bag.features[i++]);
  for (auto& sum : sums) sum /= static_cast<double>(bag.count);
  return sums;
}

std::optional<FeatureCloud> FeatureCloud::fit(std::span<const double> means, std::int64_t dim) {
  auto cloud = models::FeatureCloud::fit(means, dim);
  if (!cloud) return std::nullopt;
  return FeatureCloud(std::make_shared<Numbers>(Numbers{std::move(*cloud)}));
}

FeatureCloud FeatureCloud::read(const std::filesystem::path& path, std::int64_t dim) {
  return FeatureCloud(std::make_shared<Numbers>(Numbers{models::FeatureCloud::read(path, dim)}));
}

void FeatureCloud::write(const std::filesystem::path& path) const {
  numbers_->cloud.write(path);
}

OutOfDistribution FeatureCloud::score(const Bag& bag) const {
  const auto found = numbers_->cloud.score(mean_features(bag));
  return {.score = found.score, .threshold = found.threshold, .percentile = found.percentile};
}

}  // namespace mil
