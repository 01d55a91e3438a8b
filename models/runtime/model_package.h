#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace models {

/// An opened model package (DESIGN.md, "Model packages"): a folder, or the same zipped (.tsr).
/// A `.tsr` is unpacked into a private temporary folder that lives as long as the object's last copy.
class ModelPackage {
 public:
  /// @throws Error  `not_found`; `corrupt_data` if manifest.json is missing or not valid (the message names
  /// the key);
  ///                `hash_mismatch` if a file's sha256 is not the manifest's, or a file is missing or
  ///                unlisted.
  static ModelPackage open(const std::filesystem::path& path);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }      ///< as given
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }  ///< where the files are
  [[nodiscard]] const nlohmann::ordered_json& manifest() const { return manifest_; }
  [[nodiscard]] std::string task() const;  ///< "patch-encoder" | "slide-classification" | ...
  [[nodiscard]] std::string architecture() const;
  [[nodiscard]] std::vector<std::string> class_names() const;
  [[nodiscard]] std::int64_t patch_size_pixels() const;
  [[nodiscard]] double spacing_um_px() const;
  [[nodiscard]] double mpp_tolerance() const;  ///< relative, default 0.1
  /// sha256 over manifest.json, which itself holds the sha256 of every other file: the package's identity.
  [[nodiscard]] const std::string& sha256() const { return sha256_; }
  [[nodiscard]] std::filesystem::path file(const std::string& name) const { return folder_ / name; }
  /// The model card, README.md, as text.
  [[nodiscard]] std::string card() const;

 private:
  std::string name_;
  std::filesystem::path path_;
  std::filesystem::path folder_;
  nlohmann::ordered_json manifest_;
  std::string sha256_;
  std::shared_ptr<void> unpacked_;
};

/// Completes `manifest` with the sha256 of every file and writes it as `folder`/manifest.json. The folder
/// must already hold the weights and README.md. @throws Error `invalid_argument` if a required key is
/// missing.
void seal_package(const std::filesystem::path& folder, nlohmann::ordered_json manifest);

/// Packs a package folder as NAME.tsr. @throws Error `io_error`, `unsupported_format` in a build without
/// libzip.
void zip_package(const std::filesystem::path& folder, const std::filesystem::path& target);

struct PackageListing {
  std::string name;
  std::filesystem::path path;
  std::string task;
  std::string problem;  ///< empty where the package opens
};
/// Every package directly inside `folder`, sorted by name.
[[nodiscard]] std::vector<PackageListing> list_packages(const std::filesystem::path& folder);

}  // namespace models
