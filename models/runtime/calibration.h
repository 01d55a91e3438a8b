#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace models {

/// One scalar that makes probabilities honest: softmax(logits / temperature).
struct TemperatureFit {
  double temperature = 1;
  std::int64_t cases = 0;
  double nll_before = 0, nll_after = 0;  ///< mean negative log-likelihood. Unit: nats.
  double ece_before = 0, ece_after = 0;  ///< 15 bins
  std::string note;                      ///< empty, or why the temperature stays 1 (one sentence for people)
};

/// Fewest cases a temperature is fitted on.
inline constexpr std::int64_t kMinCalibrationCases = 20;

/// Fits the temperature that minimises the negative log-likelihood, between 0.05 and 20. The likelihood is
/// convex in 1 / temperature, so bisection on its slope finds the one minimum, the same on every run. The
/// likeliest class of a case does not change.
///
/// The temperature stays 1, and `note` says why, where the likelihood has no minimum inside: every case
/// is right (any sharper would seem better), or the logits tell no more than chance.
/// @param logits  [N, C] row-major, of a model at temperature 1. Logarithms of its probabilities do as well.
/// @param labels  0 to C - 1; of cases that the model was not trained on
/// @throws imaging::Error  `insufficient_data` on fewer than 20 cases or one class; `invalid_argument` on
/// sizes that do not agree or a logit that is not finite.
/// @par Reference  [guo2017]
[[nodiscard]] TemperatureFit fit_temperature(std::span<const double> logits,
                                             std::span<const std::int64_t> labels, std::int64_t class_count);

}  // namespace models
