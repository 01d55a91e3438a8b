#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "models/runtime/model_package.h"

namespace workflows {

/// Folder of the running executable.
[[nodiscard]] std::filesystem::path executable_folder();

/// Where packages are looked for, in this order: $TESSERA_MODELS, the installation, the checkout of a build
/// tree, the user's data folder. Only folders that exist.
[[nodiscard]] std::vector<std::filesystem::path> model_folders();

/// Every package of `folder`, or of all model_folders() where it is empty.
[[nodiscard]] std::vector<models::PackageListing> list_models(const std::filesystem::path& folder = {});

/// Opens a package by path, or by the name of an installed one.
/// @throws Error  `not_found` naming the folders that were searched; and as ModelPackage::open.
[[nodiscard]] models::ModelPackage find_package(const std::string& name_or_path);

/// The encoder whose features a classifier was trained on: the one asked for, else the package beside it or
/// installed whose sha256 the classifier names.
/// @throws Error  `incompatible` where the one asked for is another than the classifier's; `not_found`.
[[nodiscard]] models::ModelPackage find_encoder(const models::ModelPackage& classifier,
                                                const std::optional<std::string>& encoder);

}  // namespace workflows
