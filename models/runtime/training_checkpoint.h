#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include "models/runtime/safetensors.h"

namespace models {

/// How far a training has come, in a file.
struct TrainingCheckpoint {
  nlohmann::json progress;  ///< what is no tensor
  TensorMap tensors;
};

/// Writes a safetensors file with run and progress in its metadata. Atomic.
/// @param run  flat object that tells one run from another
/// @throws imaging::Error  `io_error`.
void write_training_checkpoint(const std::filesystem::path& path, const nlohmann::ordered_json& run,
                               const nlohmann::ordered_json& progress, const TensorMap& tensors);

/// @param run  absent: of any run
/// @throws imaging::Error  `not_found`; `corrupt_data` where it is damaged or no checkpoint; `incompatible`
/// where it is of another run, naming the first difference.
[[nodiscard]] TrainingCheckpoint read_training_checkpoint(const std::filesystem::path& path,
                                                          const nlohmann::ordered_json* run);

}  // namespace models
