#include "models/runtime/calibration.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "imaging/base/error.h"
#include "models/runtime/metrics.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;

struct Calibrated {
  std::vector<double> probabilities;
  double nll = 0;    ///< mean
  double slope = 0;  ///< of the mean, by the sharpness 1 / temperature
};

Calibrated at_sharpness(std::span<const double> logits, std::span<const std::int64_t> labels,
                        std::size_t columns, double sharpness) {
  Calibrated result;
  result.probabilities.reserve(logits.size());
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto row = logits.subspan(i * columns, columns);
    const double highest = *std::max_element(row.begin(), row.end());
    double sum = 0, weighted = 0;
    for (const double logit : row) {
      const double share = std::exp(sharpness * (logit - highest));
      result.probabilities.push_back(share);
      sum += share;
      weighted += share * logit;
    }
    for (std::size_t c = 0; c < columns; ++c) result.probabilities[i * columns + c] /= sum;
    const double own = row[static_cast<std::size_t>(labels[i])];
    result.nll += (std::log(sum) - sharpness * (own - highest)) / static_cast<double>(labels.size());
    result.slope += (weighted / sum - own) / static_cast<double>(labels.size());
  }
  return result;
}

void check(std::span<const double> logits, std::span<const std::int64_t> labels, std::int64_t class_count) {
  if (class_count < 2 || logits.size() != labels.size() * static_cast<std::size_t>(class_count)) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("A calibration needs a logit per class and case; {} cases of {} classes have {}.",
                            labels.size(), class_count, logits.size()));
  }
  if (!std::all_of(logits.begin(), logits.end(), [](double value) { return std::isfinite(value); }))
    throw Error(ErrorCode::invalid_argument, "A calibration needs finite logits.");
  for (const auto label : labels) {
    if (label < 0 || label >= class_count) {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("Class {} is not one of the {} classes.", label, class_count));
    }
  }
  const std::set<std::int64_t> classes(labels.begin(), labels.end());
  if (static_cast<std::int64_t>(labels.size()) < kMinCalibrationCases || classes.size() < 2) {
    throw Error(
        ErrorCode::insufficient_data,
        fmt::format("{} cases of {} classes; a temperature needs at least {} cases of two classes or more.",
                    labels.size(), classes.size(), kMinCalibrationCases));
  }
}

}  // namespace

TemperatureFit fit_temperature(std::span<const double> logits, std::span<const std::int64_t> labels,
                               std::int64_t class_count) {
  check(logits, labels, class_count);
  const auto columns = static_cast<std::size_t>(class_count);
  constexpr double kLowest = 0.05, kHighest = 20;
  constexpr int kHalvings = 100;

  TemperatureFit fit;
  fit.cases = static_cast<std::int64_t>(labels.size());
  const auto before = at_sharpness(logits, labels, columns, 1);
  if (at_sharpness(logits, labels, columns, 1 / kLowest).slope <= 0) {
    fit.note =
        "The temperature stays 1: the verdicts are right so clearly that no finite temperature fits best; "
        "calibrate on more or harder cases.";
  } else if (at_sharpness(logits, labels, columns, 1 / kHighest).slope >= 0) {
    fit.note =
        "The temperature stays 1: the verdicts on these cases are no better than chance, so there is no "
        "confidence to calibrate.";
  } else {
    double low = std::log(kLowest), high = std::log(kHighest);
    for (int i = 0; i < kHalvings; ++i) {
      const double middle = (low + high) / 2;
      // A rising likelihood loss by sharpness asks for less of it: a higher temperature.
      (at_sharpness(logits, labels, columns, std::exp(-middle)).slope > 0 ? low : high) = middle;
    }
    fit.temperature = std::exp((low + high) / 2);
  }
  const auto after = at_sharpness(logits, labels, columns, 1 / fit.temperature);
  fit.nll_before = before.nll;
  fit.nll_after = after.nll;
  fit.ece_before = calibration_error(before.probabilities, labels, class_count);
  fit.ece_after = calibration_error(after.probabilities, labels, class_count);
  return fit;
}

}  // namespace models
