#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "models/runtime/safetensors.h"

namespace mil {

struct EpochRecord {
  std::int64_t epoch = 0;  ///< from 1
  double train_loss = 0;
  std::optional<double> validation_loss, validation_auc;
};

/// How far a training has come: what it needs to go on as if it had never stopped.
struct TrainingProgress {
  std::vector<EpochRecord> curve;
  std::int64_t best_epoch = 0;
  std::pair<double, double> best_merit{-std::numeric_limits<double>::infinity(), 0};
  models::TensorMap best_weights;
  models::TensorMap state;  ///< TrainingMethod::state after the last epoch of `curve`
};

/// Writes a safetensors file of the tensors under `best.` and `state.`, with the rest as JSON in its
/// metadata. Atomic.
/// @param identity  flat object that tells one run from another: plan, seed, classes, cohort
/// @throws imaging::Error  `io_error`.
void write_checkpoint(const std::filesystem::path& path, const nlohmann::ordered_json& identity,
                      const TrainingProgress& progress);

/// @throws imaging::Error  `not_found`; `corrupt_data` where it is damaged or no checkpoint; `incompatible`
/// where it is of another run, naming the first difference.
[[nodiscard]] TrainingProgress read_checkpoint(const std::filesystem::path& path,
                                               const nlohmann::ordered_json& identity);

/// The best weights alone, of any run. @throws imaging::Error  `not_found`, `corrupt_data`.
[[nodiscard]] models::TensorMap read_best_weights(const std::filesystem::path& path);

}  // namespace mil
