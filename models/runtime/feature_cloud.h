#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>

namespace models {

/// The cloud's file in a model package.
inline constexpr const char* kFeatureCloudFile = "ood.safetensors";

/// How unlike the training cases a case's features are.
struct OutOfDistribution {
  double score = 0;       ///< 1 is the distance that one training case in twenty passes
  double threshold = 0;   ///< a score above it is out of distribution
  double percentile = 0;  ///< share of training cases, held out, that lie nearer. Unit: percent.

  [[nodiscard]] bool is_out() const { return score > threshold; }
};

/// The cloud of the training cases' features, a row each: how far outside it a row lies. Holds means,
/// directions and percentiles, no row of any case.
///
/// Every dimension is standardised; the first principal components (95 % of the variance, at most 32, at most
/// half the rows) span the cloud. A row lies outside by its Mahalanobis distance within them or by what
/// they leave over; the larger counts, each in units of its own 95th percentile among training rows that were
/// held out of the fit (one at a time up to 20 rows, a tenth of them beyond).
/// @par Reference  [lee2018] scores by such distances; the rest is ours
class FeatureCloud {
 public:
  static constexpr std::int64_t kMinRows = 5;

  /// @param rows  [N, D] row-major, one per training case
  /// @return      Absent with fewer than 5 rows, or where all are the same.
  /// @throws imaging::Error  `invalid_argument` where the size is no multiple of `dim`.
  /// @par Cost    O(N D min(N, D)), eleven times
  [[nodiscard]] static std::optional<FeatureCloud> fit(std::span<const double> rows, std::int64_t dim);

  /// @throws imaging::Error  `corrupt_data` where the file is none of ours or for another width; as
  /// read_safetensors.
  [[nodiscard]] static FeatureCloud read(const std::filesystem::path& path, std::int64_t dim);
  void write(const std::filesystem::path& path) const;

  /// The threshold is where one case in a hundred like the training cases would lie beyond, from the mean and
  /// spread of the logarithms of the held-out scores: wide with few of them.
  /// @param row  [D]
  /// @throws imaging::Error  `incompatible` on another width.
  [[nodiscard]] OutOfDistribution score(std::span<const double> row) const;

 private:
  struct Numbers;
  explicit FeatureCloud(std::shared_ptr<const Numbers> numbers) : numbers_(std::move(numbers)) {}

  std::shared_ptr<const Numbers> numbers_;
};

}  // namespace models
