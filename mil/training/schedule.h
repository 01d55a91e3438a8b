#pragma once

#include <cstdint>
#include <vector>

namespace mil {

struct TrainOptions;

/// Half a cosine: `base` at step 0, towards `final` at step `steps`.
[[nodiscard]] double cosine_value(double base, double final, std::int64_t step, std::int64_t steps);

/// A value per step: `warmup_steps` evenly from `warmup_start` to `base` (both met), then half a cosine to
/// `final` over the rest.
/// @throws imaging::Error  `invalid_argument` if the warm-up is negative or longer than `steps`.
[[nodiscard]] std::vector<double> cosine_schedule(double base, double final, std::int64_t steps,
                                                  std::int64_t warmup_steps = 0, double warmup_start = 0);

/// Adam's step in an epoch (from 1): constant, or half a cosine to 0 per epoch.
[[nodiscard]] double learning_rate_at(const TrainOptions& options, std::int64_t epoch);

}  // namespace mil
