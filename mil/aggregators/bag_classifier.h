#pragma once

#include <memory>
#include <string>

#include "mil/bags/bag.h"
#include "models/runtime/model_package.h"

namespace mil {

/// A trained aggregator, ready to predict. Made from a `slide-classification` package.
///
/// @par Threads  One caller at a time.
class BagClassifier {
 public:
  virtual ~BagClassifier() = default;
  [[nodiscard]] virtual std::int64_t dim() const = 0;
  /// Of the encoder whose features it takes; empty where the package does not say.
  [[nodiscard]] virtual std::string encoder_sha256() const = 0;

  /// @throws Error  `insufficient_data` on an empty bag; `incompatible` on another width; `corrupt_data` on
  /// NaN or inf.
  /// @par Cost      ABMIL: O(N D) time, no copy of the features.
  [[nodiscard]] virtual SlidePrediction predict(const Bag& bag) = 0;
};

/// @throws Error  `incompatible` if the package is no slide classifier or its weights do not fit its
/// architecture.
[[nodiscard]] std::unique_ptr<BagClassifier> open_classifier(const models::ModelPackage& package,
                                                             const std::string& device);

}  // namespace mil
