#include "app/workflows/model_registry.h"

#include <fmt/format.h>

#include <cstdlib>

#include "app/workflows/stain.h"
#include "imaging/base/error.h"

namespace workflows {
namespace fs = std::filesystem;
using imaging::Error;
using imaging::ErrorCode;

namespace {

/// Opens a package and checks what the layer of models cannot: the stain that its tiles shall have.
models::ModelPackage open_checked(const fs::path& path) {
  auto package = models::ModelPackage::open(path);
  (void)stain_target_of(package);
  return package;
}

}  // namespace

fs::path executable_folder() {
  std::error_code error;
  const auto executable = fs::read_symlink("/proc/self/exe", error);
  return error ? fs::current_path() : executable.parent_path();
}

std::vector<fs::path> model_folders() {
  std::vector<fs::path> candidates;
  if (const char* chosen = std::getenv("TESSERA_MODELS")) candidates.emplace_back(chosen);
  const auto here = executable_folder();
  candidates.push_back(here / "../share/tessera/models");
  candidates.push_back(here / "../../../resources/models");
  if (const char* data = std::getenv("XDG_DATA_HOME")) {
    candidates.push_back(fs::path(data) / "tessera/models");
  } else if (const char* home = std::getenv("HOME")) {
    candidates.push_back(fs::path(home) / ".local/share/tessera/models");
  }
  std::vector<fs::path> folders;
  for (const auto& candidate : candidates) {
    std::error_code error;
    if (fs::is_directory(candidate, error)) folders.push_back(candidate.lexically_normal());
  }
  return folders;
}

std::vector<models::PackageListing> list_models(const fs::path& folder) {
  if (!folder.empty()) return models::list_packages(folder);
  std::vector<models::PackageListing> all;
  for (const auto& place : model_folders()) {
    for (auto& listing : models::list_packages(place)) all.push_back(std::move(listing));
  }
  return all;
}

models::ModelPackage find_package(const std::string& name_or_path) {
  std::error_code error;
  if (fs::exists(name_or_path, error)) return open_checked(name_or_path);
  std::string searched;
  for (const auto& folder : model_folders()) {
    for (const auto& candidate : {folder / name_or_path, folder / (name_or_path + ".tsr")}) {
      if (fs::exists(candidate, error)) return open_checked(candidate);
    }
    searched += (searched.empty() ? "" : ", ") + folder.string();
  }
  throw Error(
      ErrorCode::not_found,
      fmt::format(
          "No model package '{}': neither a path nor a name in {}; `tessera model list` shows what is there.",
          name_or_path, searched.empty() ? "any model folder" : searched));
}

models::ModelPackage find_encoder(const models::ModelPackage& classifier,
                                  const std::optional<std::string>& encoder) {
  const auto bag = classifier.manifest().value("input_bag", nlohmann::ordered_json::object());
  const std::string wanted = bag.value("encoder_sha256", "");
  if (encoder) {
    auto package = find_package(*encoder);
    if (!wanted.empty() && package.sha256() != wanted) {
      throw Error(ErrorCode::incompatible,
                  fmt::format("Model '{}' was trained on features of the encoder {:.12}, but '{}' is {:.12}.",
                              classifier.name(), wanted, *encoder, package.sha256()));
    }
    return package;
  }
  if (wanted.empty()) {
    throw Error(ErrorCode::not_found,
                fmt::format("Model '{}' does not say which encoder made its features; give --encoder.",
                            classifier.name()));
  }
  std::vector<fs::path> places = model_folders();
  places.insert(places.begin(), fs::absolute(classifier.path()).lexically_normal().parent_path());
  if (!classifier.path().has_filename()) places.insert(places.begin(), places.front().parent_path());
  for (const auto& place : places) {
    for (const auto& listing : models::list_packages(place)) {
      if (listing.task != "patch-encoder" || !listing.problem.empty()) continue;
      auto package = open_checked(listing.path);
      if (package.sha256() == wanted) return package;
    }
  }
  throw Error(
      ErrorCode::not_found,
      fmt::format(
          "The encoder of model '{}' (sha256 {:.12}) is neither beside it nor installed; give --encoder.",
          classifier.name(), wanted));
}

}  // namespace workflows
