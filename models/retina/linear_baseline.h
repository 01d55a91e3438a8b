#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "imaging/base/job.h"
#include "models/retina/grader_trainer.h"

namespace models {

/// Features of a frozen backbone: rows [N, dim].
struct FrozenFeatures {
  std::int64_t dim = 0;
  std::vector<double> rows;
};

/// Features of a frozen backbone, as the plain baseline reads them: the whole crop squeezed to `input`
/// square, ImageNet's normalisation, mean of the last map.
/// @param weights  as GraderNetworkOptions::weights; decides the architecture (PreactResNet's names, or
///                 torchvision's of a ResNet-18 or -50)
/// @throws Error  `incompatible` where the weights are of no such network; what `read` throws; Cancelled.
[[nodiscard]] FrozenFeatures compute_frozen_features(const RetinaTrainingSet& set,
                                                     std::span<const RetinaExample> examples,
                                                     const std::filesystem::path& weights, std::int64_t input,
                                                     const std::string& device,
                                                     const imaging::JobContext& job);

/// Multinomial logistic regression on standardised features with an L2 penalty.
class LogisticRegression {
 public:
  /// Minimises the mean cross-entropy + |W|^2 / (2 C N); the strength C is the one of 1e-4, 1e-3, 1e-2, 1e-1
  /// with the least cross-entropy on the validation rows, 1e-3 where there are none.
  /// @param rows    [N, D]; `validation_rows` likewise
  /// @throws Error  `invalid_argument` where sizes do not fit
  [[nodiscard]] static LogisticRegression fit(std::span<const double> rows,
                                              std::span<const std::int64_t> labels,
                                              std::span<const double> validation_rows,
                                              std::span<const std::int64_t> validation_labels,
                                              std::int64_t class_count);

  /// @return  [N, class_count] row-major
  [[nodiscard]] std::vector<double> probabilities(std::span<const double> rows) const;
  [[nodiscard]] double strength() const { return strength_; }

 private:
  struct Numbers;
  std::shared_ptr<const Numbers> numbers_;
  double strength_ = 0;
};

}  // namespace models
