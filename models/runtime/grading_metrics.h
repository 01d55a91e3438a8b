#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "models/runtime/metrics.h"

namespace models {

/// Mean over the pairs of classes of the two areas between them: only the pair's cases, each class's
/// probability as the score. Absent where a class is missing.
/// @param probabilities  [N, C] row-major
/// @param labels         0 to C - 1
/// @par Reference  [hand2001]
[[nodiscard]] std::optional<double> one_vs_one_auc(std::span<const double> probabilities,
                                                   std::span<const std::int64_t> labels,
                                                   std::int64_t class_count);

enum class KappaWeights { none, linear, quadratic };

/// Cohen's kappa: agreement above chance, with disagreements weighted by the distance of the grades. Absent
/// where chance alone agrees wholly (one class only).
[[nodiscard]] std::optional<double> cohen_kappa(const ConfusionMatrix& confusion, KappaWeights weights);

/// Mean gap between confidence and accuracy over bins of equal count: their edges are interpolated quantiles.
[[nodiscard]] double adaptive_calibration_error(std::span<const double> probabilities,
                                                std::span<const std::int64_t> labels,
                                                std::int64_t class_count, std::int64_t bins = 15);

/// Mean over classes, up to the largest label present, of the gap between the class's probability and its
/// frequency, over equal bins of that probability.
[[nodiscard]] double classwise_calibration_error(std::span<const double> probabilities,
                                                 std::span<const std::int64_t> labels,
                                                 std::int64_t class_count, std::int64_t bins = 15);

/// Largest gap between confidence and accuracy of any bin.
[[nodiscard]] double maximum_calibration_error(std::span<const double> probabilities,
                                               std::span<const std::int64_t> labels, std::int64_t class_count,
                                               std::int64_t bins = 10);

/// Mean of -log of the true class's probability, natural logarithm.
[[nodiscard]] double negative_log_likelihood(std::span<const double> probabilities,
                                             std::span<const std::int64_t> labels, std::int64_t class_count);

/// Mean over cases of the sum over classes of (probability - truth)^2.
[[nodiscard]] double brier_score(std::span<const double> probabilities, std::span<const std::int64_t> labels,
                                 std::int64_t class_count);

}  // namespace models
