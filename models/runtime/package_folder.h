#pragma once

#include <filesystem>

namespace models {

/// A package folder that takes its final name when all went well; removed otherwise.
class PackageFolder {
 public:
  /// @throws Error  `invalid_argument` if the target exists; `io_error`.
  explicit PackageFolder(const std::filesystem::path& target);
  ~PackageFolder();
  PackageFolder(const PackageFolder&) = delete;
  PackageFolder& operator=(const PackageFolder&) = delete;

  /// Where to write meanwhile.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// @throws Error  `io_error`.
  void publish();

 private:
  std::filesystem::path target_, path_;
};

}  // namespace models
