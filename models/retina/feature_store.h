#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace models {

/// Features of photographs by a frozen backbone, kept between trainings (folds, settings of the head) and, in
/// a file, between processes.
///
/// @par Threads  May be shared.
class FeatureStore {
 public:
  FeatureStore() = default;
  /// @param path  read where it exists, written by `save`
  /// @throws imaging::Error  `corrupt_data` where the file is none of ours.
  explicit FeatureStore(std::filesystem::path path);

  /// Empty where it is not known.
  [[nodiscard]] std::vector<float> find(const std::string& key) const;
  void put(const std::string& key, std::vector<float> row);
  /// Writes what is new, atomically; nothing without a path. @throws imaging::Error `io_error`
  void save();

 private:
  std::filesystem::path path_;
  mutable std::mutex mutex_;
  std::map<std::string, std::vector<float>> rows_;
  bool is_saved_ = true;
};

}  // namespace models
