#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace at {
class Tensor;
}

namespace models {

/// What a frozen backbone makes of photographs, kept between trainings (folds, seeds, settings of the head):
/// features, in a file also between processes, and early maps, in memory alone.
///
/// @par Threads  May be shared.
class FeatureStore {
 public:
  FeatureStore() : FeatureStore(std::filesystem::path()) {}
  /// @param path  read where it exists, written by `save`
  /// @throws imaging::Error  `corrupt_data` where the file is none of ours.
  explicit FeatureStore(std::filesystem::path path);

  /// Empty where it is not known.
  [[nodiscard]] std::vector<float> find(const std::string& key) const;
  void put(const std::string& key, std::vector<float> row);
  /// @return  [C, h, w] as it was put; undefined where it is not known
  [[nodiscard]] at::Tensor find_map(const std::string& key) const;
  void put_map(const std::string& key, const at::Tensor& map);
  /// Writes what is new of the features, atomically; nothing without a path. @throws imaging::Error
  /// `io_error`
  void save();

 private:
  std::filesystem::path path_;
  mutable std::mutex mutex_;
  std::map<std::string, std::vector<float>> rows_;
  struct Maps;
  std::shared_ptr<Maps> maps_;
  bool is_saved_ = true;
};

}  // namespace models
