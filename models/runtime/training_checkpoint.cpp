#include "models/runtime/training_checkpoint.h"

#include <fmt/format.h>
#include <torch/types.h>

#include "imaging/base/error.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using nlohmann::json;
using nlohmann::ordered_json;

constexpr const char* kSchema = "tessera.checkpoint/1";

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

}  // namespace

void write_training_checkpoint(const std::filesystem::path& path, const ordered_json& run,
                               const ordered_json& progress, const TensorMap& tensors) {
  auto text = progress;
  text["run"] = run;
  write_safetensors(path, tensors, {{"schema", kSchema}, {"progress", text.dump()}});
}

TrainingCheckpoint read_training_checkpoint(const std::filesystem::path& path, const ordered_json* run) {
  const auto metadata = read_safetensors_metadata(path);
  const auto found = metadata.find("progress");
  const auto schema = metadata.find("schema");
  if (found == metadata.end() || schema == metadata.end() || schema->second != kSchema)
    throw Error(ErrorCode::corrupt_data, fmt::format("{} is no training checkpoint.", path.string()));
  TrainingCheckpoint checkpoint;
  try {
    checkpoint.progress = json::parse(found->second);
    if (run != nullptr) refuse_another_run(path, checkpoint.progress.at("run"), json(*run));
  } catch (const json::exception& error) {
    throw Error(ErrorCode::corrupt_data, fmt::format("Checkpoint {}: {}.", path.string(), error.what()));
  }
  checkpoint.tensors = read_safetensors(path);
  return checkpoint;
}

}  // namespace models
