#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "imaging/base/image.h"
#include "models/adaptation/adapt_options.h"

namespace at {
class Tensor;
}

namespace models {

/// What can be said of a segmenter on pictures without labels.
struct MonitorReading {
  double entropy = 0;          ///< mean over pixels, natural logarithm
  std::vector<double> shares;  ///< of all pixels, by class
  double consistency = 0;  ///< `label_agreement` with the answers for the mirrored pictures, mirrored back
  std::vector<imaging::Image8> labels;  ///< per picture
};

[[nodiscard]] nlohmann::ordered_json to_json(const MonitorReading& reading);  ///< without labels
/// Nothing where the JSON is no reading of so many classes.
[[nodiscard]] std::optional<MonitorReading> monitor_reading_from_json(const nlohmann::ordered_json& json,
                                                                      std::size_t classes);

/// @param batches  [B, C, H, W] each
/// @param predict  logits [B, K, H, W]
[[nodiscard]] MonitorReading read_monitors(const std::vector<at::Tensor>& batches,
                                           const std::function<at::Tensor(const at::Tensor&)>& predict);

/// Dice of two answers, mean over the classes but the background that either holds, over all pictures; 1
/// where neither holds any.
[[nodiscard]] double label_agreement(const std::vector<imaging::Image8>& first,
                                     const std::vector<imaging::Image8>& second, std::size_t classes);

struct GuardVerdict {
  double agreement = 1;              ///< of the adapted network with the source
  bool is_source_doubtful = false;   ///< it behaves on the target as it never did on its own pictures
  std::vector<std::string> tripped;  ///< a sentence per monitor
};

/// Compares an adapted network with its source on the same target pictures.
///
/// The source's answers are the measure, unless the package says how the source behaved on pictures of its
/// own (`reference`) and it behaves otherwise here: then its answers are no measure for shares and drift. A
/// source that finds nothing here is no measure for mirrored pictures either.
[[nodiscard]] GuardVerdict judge_adaptation(const MonitorReading& source, const MonitorReading& adapted,
                                            const std::optional<MonitorReading>& reference,
                                            const GuardOptions& options);

}  // namespace models
