#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "mil/bags/bag.h"

namespace mil {

/// Reads bags and keeps the first ones, up to a number of bytes, so that memory is bounded whatever the
/// cohort's size.
///
/// @par Threads  One caller at a time.
class BagCache {
 public:
  BagCache(std::map<std::string, std::filesystem::path> files, std::int64_t max_bytes)
      : files_(std::move(files)), max_bytes_(max_bytes) {}

  /// @throws imaging::Error  `not_found` where there is no such bag; as read_bag.
  [[nodiscard]] std::shared_ptr<const Bag> get(const std::string& id);

 private:
  std::map<std::string, std::filesystem::path> files_;
  std::int64_t max_bytes_;
  std::int64_t bytes_ = 0;
  std::map<std::string, std::shared_ptr<const Bag>> kept_;
};

}  // namespace mil
