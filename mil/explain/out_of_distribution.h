#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "mil/bags/bag.h"

namespace mil {

/// The cloud's file in a model package.
inline constexpr const char* kFeatureCloudFile = "ood.safetensors";

/// Mean of a bag's rows, [D]. @throws imaging::Error  `insufficient_data` on an empty bag.
[[nodiscard]] std::vector<double> mean_features(const Bag& bag);

/// The cloud of the training bags' mean features: how far outside it a bag lies. Holds means, directions and
/// percentiles, no row of any bag.
///
/// Every dimension is standardised; the first principal components (95 % of the variance, at most 32, at most
/// half the bags) span the cloud. A bag lies outside by its Mahalanobis distance within them or by what
/// they leave over; the larger counts, each in units of its own 95th percentile among training bags that were
/// held out of the fit (one at a time up to 20 bags, a tenth of them beyond).
/// @par Reference  [lee2018] scores by such distances; the rest is ours
class FeatureCloud {
 public:
  static constexpr std::int64_t kMinBags = 5;

  /// @param means  [bags, D] row-major, one mean_features per training bag
  /// @return       Absent with fewer than 5 bags, or where all are the same.
  /// @throws imaging::Error  `invalid_argument` where the size is no multiple of `dim`.
  /// @par Cost     O(bags D min(bags, D)), eleven times
  [[nodiscard]] static std::optional<FeatureCloud> fit(std::span<const double> means, std::int64_t dim);

  /// @throws imaging::Error  `corrupt_data` where the file is none of ours, `incompatible` where it is for
  /// another width; as models::read_safetensors.
  [[nodiscard]] static FeatureCloud read(const std::filesystem::path& path, std::int64_t dim);
  void write(const std::filesystem::path& path) const;

  /// The threshold is where one bag in a hundred like the training bags would lie beyond, from the mean and
  /// spread of the logarithms of the held-out scores: wide with few bags.
  /// @throws imaging::Error  `insufficient_data` on an empty bag, `incompatible` on another width.
  [[nodiscard]] OutOfDistribution score(const Bag& bag) const;

 private:
  struct Numbers;
  explicit FeatureCloud(std::shared_ptr<const Numbers> numbers) : numbers_(std::move(numbers)) {}

  std::shared_ptr<const Numbers> numbers_;
};

}  // namespace mil
