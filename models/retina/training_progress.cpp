#include "models/retina/training_progress.h"

#include <fmt/format.h>

#include "imaging/base/error.h"
#include "models/runtime/training_checkpoint.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using nlohmann::ordered_json;

constexpr std::chrono::seconds kSaveInterval{10};

ordered_json number_or_null(const std::optional<double>& value) {
  return value ? ordered_json(*value) : ordered_json();
}

}  // namespace

std::optional<TensorMap> TrainingProgressFile::load(TrainingProgress& progress) const {
  if (path_.empty() || !std::filesystem::exists(path_)) return std::nullopt;
  const auto file = read_training_checkpoint(path_, &run_);
  try {
    const auto optional = [](const nlohmann::json& value) {
      return value.is_null() ? std::nullopt : std::optional(value.get<double>());
    };
    for (const auto& row : file.progress.at("curve")) {
      progress.curve.push_back({.epoch = std::ssize(progress.curve) + 1,
                                .train_loss = row.at(0).get<double>(),
                                .validation_loss = optional(row.at(1)),
                                .validation_auc = optional(row.at(2))});
    }
    progress.best_epoch = file.progress.at("best_epoch").get<std::int64_t>();
    const auto& merit = file.progress.at("best_merit");
    if (progress.best_epoch > 0) progress.best_merit = {merit.at(0).get<double>(), merit.at(1).get<double>()};
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorCode::corrupt_data, fmt::format("Checkpoint {}: {}.", path_.string(), error.what()));
  }
  constexpr std::string_view kBest = "best.";
  TensorMap state;
  for (const auto& [name, tensor] : file.tensors) {
    if (name.rfind(kBest, 0) == 0) {
      progress.best_weights[name.substr(kBest.size())] = tensor;
    } else {
      state[name] = tensor;
    }
  }
  return state;
}

void TrainingProgressFile::save(const TrainingProgress& progress, const std::function<TensorMap()>& state,
                                bool is_last) {
  const auto now = std::chrono::steady_clock::now();
  if (path_.empty() || (!is_last && now - saved_ < kSaveInterval)) return;
  ordered_json curve = ordered_json::array();
  for (const auto& epoch : progress.curve) {
    curve.push_back(
        {epoch.train_loss, number_or_null(epoch.validation_loss), number_or_null(epoch.validation_auc)});
  }
  auto tensors = state();
  for (const auto& [name, tensor] : progress.best_weights) tensors["best." + name] = tensor;
  write_training_checkpoint(path_, run_,
                            {{"curve", curve},
                             {"best_epoch", progress.best_epoch},
                             {"best_merit", {progress.best_merit.first, progress.best_merit.second}}},
                            tensors);
  saved_ = std::chrono::steady_clock::now();
}

}  // namespace models
