#include "mil/training/schedule.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "imaging/base/error.h"
#include "mil/training/train_options.h"

namespace mil {

double cosine_value(double base, double final, std::int64_t step, std::int64_t steps) {
  const double angle = std::numbers::pi * static_cast<double>(step) / static_cast<double>(steps);
  return final + 0.5 * (base - final) * (1 + std::cos(angle));
}

std::vector<double> cosine_schedule(double base, double final, std::int64_t steps, std::int64_t warmup_steps,
                                    double warmup_start) {
  if (warmup_steps < 0 || warmup_steps > steps) {
    throw imaging::Error(imaging::ErrorCode::invalid_argument,
                         fmt::format("A warm-up of {} steps does not fit into {}.", warmup_steps, steps));
  }
  std::vector<double> values;
  for (std::int64_t i = 0; i < warmup_steps; ++i) {
    const double share =
        warmup_steps == 1 ? 0.0 : static_cast<double>(i) / static_cast<double>(warmup_steps - 1);
    values.push_back(warmup_start + (base - warmup_start) * share);
  }
  for (std::int64_t i = 0; i < steps - warmup_steps; ++i)
    values.push_back(cosine_value(base, final, i, steps - warmup_steps));
  return values;
}

double learning_rate_at(const TrainOptions& options, std::int64_t epoch) {
  if (options.learning_rate_schedule == "constant") return options.learning_rate;
  return cosine_value(options.learning_rate, 0, epoch - 1, options.epochs);
}

}  // namespace mil
