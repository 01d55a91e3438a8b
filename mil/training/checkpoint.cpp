#include "mil/training/checkpoint.h"

#include <fmt/format.h>
#include <torch/types.h>

#include "imaging/base/error.h"
#include "mil/training/adam.h"
#include "models/runtime/training_checkpoint.h"

namespace mil {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using nlohmann::json;
using nlohmann::ordered_json;

ordered_json number_or_null(const std::optional<double>& value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
}

std::optional<double> optional_number(const json& value) {
  return value.is_null() ? std::nullopt : std::optional(value.get<double>());
}

}  // namespace

void write_checkpoint(const std::filesystem::path& path, const ordered_json& identity,
                      const TrainingProgress& progress) {
  ordered_json curve = ordered_json::array();
  for (const auto& record : progress.curve) {
    curve.push_back(
        {record.train_loss, number_or_null(record.validation_loss), number_or_null(record.validation_auc)});
  }
  const ordered_json text{{"curve", curve},
                          {"best_epoch", progress.best_epoch},
                          {"best_merit", {progress.best_merit.first, progress.best_merit.second}}};
  models::TensorMap tensors;
  for (const auto& [name, tensor] : progress.best_weights) tensors["best." + name] = tensor;
  for (const auto& [name, tensor] : progress.state) tensors["state." + name] = tensor;
  models::write_training_checkpoint(path, identity, text, tensors);
}

TrainingProgress read_checkpoint(const std::filesystem::path& path, const ordered_json& identity) {
  TrainingProgress progress;
  const auto checkpoint = models::read_training_checkpoint(path, &identity);
  try {
    const auto& text = checkpoint.progress;
    for (const auto& row : text.at("curve")) {
      progress.curve.push_back({.epoch = static_cast<std::int64_t>(progress.curve.size()) + 1,
                                .train_loss = row.at(0).get<double>(),
                                .validation_loss = optional_number(row.at(1)),
                                .validation_auc = optional_number(row.at(2))});
    }
    progress.best_epoch = text.at("best_epoch").get<std::int64_t>();
    progress.best_merit = {text.at("best_merit").at(0).get<double>(),
                           text.at("best_merit").at(1).get<double>()};
  } catch (const json::exception& error) {
    throw Error(ErrorCode::corrupt_data, fmt::format("Checkpoint {}: {}.", path.string(), error.what()));
  }
  progress.best_weights = tensors_under(checkpoint.tensors, "best.");
  progress.state = tensors_under(checkpoint.tensors, "state.");
  return progress;
}

models::TensorMap read_best_weights(const std::filesystem::path& path) {
  return tensors_under(models::read_training_checkpoint(path, nullptr).tensors, "best.");
}

}  // namespace mil
