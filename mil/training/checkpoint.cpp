#include "mil/training/checkpoint.h"

#include <fmt/format.h>
#include <torch/types.h>

#include "imaging/base/error.h"
#include "mil/training/adam.h"

namespace mil {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using nlohmann::json;
using nlohmann::ordered_json;

constexpr const char* kSchema = "tessera.checkpoint/1";

ordered_json number_or_null(const std::optional<double>& value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
}

std::optional<double> optional_number(const json& value) {
  return value.is_null() ? std::nullopt : std::optional(value.get<double>());
}

void refuse_another_run(const std::filesystem::path& path, const json& stored, const json& own) {
  for (const auto& [name, value] : own.items()) {
    const auto found = stored.find(name);
    if (found != stored.end() && *found == value) continue;
    throw Error(
        ErrorCode::incompatible,
        fmt::format("{} is the checkpoint of another run: its {} is {}, not {}; remove it, or train "
                    "into another folder.",
                    path.string(), name, found == stored.end() ? "not stated" : found->dump(), value.dump()));
  }
}

std::string metadata_text(const std::filesystem::path& path) {
  const auto metadata = models::read_safetensors_metadata(path);
  const auto found = metadata.find("progress");
  const auto schema = metadata.find("schema");
  if (found == metadata.end() || schema == metadata.end() || schema->second != kSchema) {
    throw Error(ErrorCode::corrupt_data, fmt::format("{} is no training checkpoint.", path.string()));
  }
  return found->second;
}

}  // namespace

void write_checkpoint(const std::filesystem::path& path, const ordered_json& identity,
                      const TrainingProgress& progress) {
  ordered_json curve = ordered_json::array();
  for (const auto& record : progress.curve) {
    curve.push_back(
        {record.train_loss, number_or_null(record.validation_loss), number_or_null(record.validation_auc)});
  }
  const ordered_json text{{"run", identity},
                          {"curve", curve},
                          {"best_epoch", progress.best_epoch},
                          {"best_merit", {progress.best_merit.first, progress.best_merit.second}}};
  models::TensorMap tensors;
  for (const auto& [name, tensor] : progress.best_weights) tensors["best." + name] = tensor;
  for (const auto& [name, tensor] : progress.state) tensors["state." + name] = tensor;
  models::write_safetensors(path, tensors, {{"schema", kSchema}, {"progress", text.dump()}});
}

TrainingProgress read_checkpoint(const std::filesystem::path& path, const ordered_json& identity) {
  TrainingProgress progress;
  try {
    const auto text = json::parse(metadata_text(path));
    refuse_another_run(path, text.at("run"), json(identity));
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
  const auto tensors = models::read_safetensors(path);
  progress.best_weights = tensors_under(tensors, "best.");
  progress.state = tensors_under(tensors, "state.");
  return progress;
}

models::TensorMap read_best_weights(const std::filesystem::path& path) {
  (void)metadata_text(path);
  return tensors_under(models::read_safetensors(path), "best.");
}

}  // namespace mil
