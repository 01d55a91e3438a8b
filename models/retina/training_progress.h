#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "models/retina/grader_trainer.h"
#include "models/runtime/safetensors.h"

namespace models {

/// What must outlive a stop, beside the trainer's own tensors.
struct TrainingProgress {
  std::vector<RetinaEpoch> curve;
  std::int64_t best_epoch = 0;
  std::pair<double, double> best_merit{-std::numeric_limits<double>::infinity(), 0};
  TensorMap best_weights;
};

/// The checkpoint of a grader's training.
class TrainingProgressFile {
 public:
  /// @param path  empty: nothing is kept
  /// @param run   what the run is known by
  TrainingProgressFile(std::filesystem::path path, nlohmann::ordered_json run)
      : path_(std::move(path)), run_(std::move(run)) {}

  /// @return  the trainer's tensors; absent where there is no file
  /// @throws imaging::Error  `incompatible` where it is of another run, `corrupt_data`
  [[nodiscard]] std::optional<TensorMap> load(TrainingProgress& progress) const;

  /// At most every ten seconds, and at the end. @param state  gives the trainer's tensors
  void save(const TrainingProgress& progress, const std::function<TensorMap()>& state, bool is_last);

 private:
  std::filesystem::path path_;
  nlohmann::ordered_json run_;
  std::chrono::steady_clock::time_point saved_;  // long ago: the first epoch is kept
};

}  // namespace models
