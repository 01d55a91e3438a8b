#include "models/retina/feature_store.h"

#include <fmt/format.h>
#include <torch/types.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "imaging/base/error.h"
#include "models/runtime/safetensors.h"

namespace models {

struct FeatureStore::Maps {
  std::map<std::string, at::Tensor> of;
};

FeatureStore::FeatureStore(std::filesystem::path path)
    : path_(std::move(path)), maps_(std::make_shared<Maps>()) {
  if (path_.empty() || !std::filesystem::exists(path_)) return;
  for (const auto& [key, tensor] : read_safetensors(path_)) {
    if (tensor.dim() != 1 || tensor.scalar_type() != torch::kFloat32) {
      throw imaging::Error(imaging::ErrorCode::corrupt_data,
                           fmt::format("{} holds no features; remove it.", path_.string()));
    }
    const auto* values = tensor.data_ptr<float>();
    rows_[key] = {values, values + tensor.numel()};
  }
}

std::vector<float> FeatureStore::find(const std::string& key) const {
  const std::scoped_lock lock(mutex_);
  const auto found = rows_.find(key);
  return found == rows_.end() ? std::vector<float>() : found->second;
}

void FeatureStore::put(const std::string& key, std::vector<float> row) {
  const std::scoped_lock lock(mutex_);
  rows_[key] = std::move(row);
  is_saved_ = false;
}

at::Tensor FeatureStore::find_map(const std::string& key) const {
  const std::scoped_lock lock(mutex_);
  const auto found = maps_->of.find(key);
  return found == maps_->of.end() ? at::Tensor() : found->second;
}

void FeatureStore::put_map(const std::string& key, const at::Tensor& map) {
  const std::scoped_lock lock(mutex_);
  maps_->of[key] = map;
}

void FeatureStore::save() {
  const std::scoped_lock lock(mutex_);
  if (path_.empty() || is_saved_) return;
  TensorMap tensors;
  for (auto& [key, row] : rows_)
    tensors[key] = torch::from_blob(row.data(), {static_cast<std::int64_t>(row.size())}, torch::kFloat32);
  write_safetensors(path_, tensors);
  is_saved_ = true;
}

}  // namespace models
