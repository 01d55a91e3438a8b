#include "app/workflows/model_library.h"

#include <fmt/format.h>

#include <cstdlib>

#include "app/workflows/model_registry.h"
#include "app/workflows/slide_features.h"
#include "app/workflows/stain.h"
#include "imaging/base/error.h"
#include "models/segmentation/segmenter_facts.h"

namespace workflows {
namespace fs = std::filesystem;
using imaging::Error;
using imaging::ErrorCode;

namespace {

bool lies_in(const fs::path& path, const fs::path& folder) {
  std::error_code ignored;
  const auto parent = fs::weakly_canonical(path, ignored).parent_path();
  return !parent.empty() && parent == fs::weakly_canonical(folder, ignored);
}

void check(const std::error_code& error, const char* what, const fs::path& path) {
  if (!error) return;
  throw Error(ErrorCode::io_error, fmt::format("Cannot {} '{}': {}.", what, path.string(), error.message()));
}

}  // namespace

ModelCard describe_model(const std::string& name_or_path) {
  const auto package = find_package(name_or_path);
  const auto& manifest = package.manifest();
  const auto text = [&](const char* key) {
    const auto found = manifest.find(key);
    if (found == manifest.end() || found->is_null()) return std::string{};
    return found->is_string() ? found->get<std::string>() : found->dump();
  };
  ModelCard card{.name = package.name(),
                 .task = package.task(),
                 .architecture = package.architecture(),
                 .sha256 = package.sha256(),
                 .licence = text("licence"),
                 .intended_use = text("intended_use"),
                 .limitations = text("limitations"),
                 .training_data = text("training_data"),
                 .path = package.path(),
                 .class_names = package.class_names(),
                 .text = package.card(),
                 .is_removable = lies_in(package.path(), user_model_folder())};
  if (const auto metrics = manifest.find("metrics"); metrics != manifest.end() && metrics->is_object()) {
    for (const auto& [name, value] : metrics->items()) {
      if (value.is_number()) card.metrics.emplace_back(name, value.get<double>());
    }
  }
  if (card.task == "slide-classification") card.takes = "slide";
  if (card.task == "fundus-grading" ||
      (card.task == "segmentation" && models::segmenter_facts_of(manifest).crop_to_field))
    card.takes = "fundus";
  const auto take_pixels_of = [&](const models::ModelPackage& pixels) {
    card.spacing_um_px = pixels.manifest().value("spacing_um_px", 0.0);
    card.mpp_tolerance = pixels.mpp_tolerance();
    if (const auto target = stain_target_of(pixels)) card.stain = target->method;
  };
  if (card.task == "slide-classification") {
    try {
      take_pixels_of(find_encoder(package, std::nullopt));
    } catch (const Error& error) {
      card.problem = error.what();
    }
  } else if (manifest.contains("spacing_um_px") && manifest["spacing_um_px"].is_number()) {
    take_pixels_of(package);
  }
  return card;
}

std::optional<std::string> find_misfit(const ModelCard& model,
                                       const std::optional<imaging::SlideScale>& scale) {
  if (!model.problem.empty()) return model.problem;
  if (model.task != "slide-classification")
    return std::nullopt;  // the field of view or pixels are the measure
  if (!scale) return "The scale of this file is not known; set its µm per pixel first.";
  try {
    (void)check_scale(*scale, model.spacing_um_px, model.mpp_tolerance, false);
  } catch (const Error& error) {
    return error.what();
  }
  return std::nullopt;
}

fs::path user_model_folder() {
  if (const char* chosen = std::getenv("TESSERA_MODELS")) return chosen;
  if (const char* data = std::getenv("XDG_DATA_HOME")) return fs::path(data) / "tessera/models";
  const char* home = std::getenv("HOME");
  return fs::path(home != nullptr ? home : "/") / ".local/share/tessera/models";
}

fs::path install_model(const fs::path& source) {
  auto place = source.lexically_normal();
  if (!place.has_filename()) place = place.parent_path();
  const auto package = find_package(place.string());
  const auto folder = user_model_folder();
  std::error_code error;
  fs::create_directories(folder, error);
  check(error, "make the folder", folder);
  const auto target = folder / package.name();
  for (const auto& taken : {target, folder / (package.name() + ".tsr")}) {
    if (!fs::exists(taken, error)) continue;
    const auto there = models::ModelPackage::open(taken);
    if (there.sha256() == package.sha256()) return taken;
    throw Error(ErrorCode::invalid_argument,
                fmt::format("Another model '{}' ({:.12}) is installed; remove it before installing this one "
                            "({:.12}).",
                            package.name(), there.sha256(), package.sha256()));
  }
  const auto unfinished = folder / (".unfinished-" + package.name());
  fs::remove_all(unfinished, error);
  fs::copy(package.folder(), unfinished, fs::copy_options::recursive, error);
  if (!error) {
    try {
      (void)models::ModelPackage::open(unfinished);  // what was copied is what was read
    } catch (...) {
      fs::remove_all(unfinished, error);
      throw;
    }
    fs::rename(unfinished, target, error);
  }
  std::error_code ignored;
  if (error) fs::remove_all(unfinished, ignored);
  check(error, "install the model in", target);
  return target;
}

void remove_model(const std::string& name) {
  const auto folder = user_model_folder();
  std::error_code error;
  std::vector<models::PackageListing> own;
  if (fs::is_directory(folder, error)) own = models::list_packages(folder);
  for (const auto& listing : own) {
    if (listing.name != name && listing.path.filename() != name) continue;
    fs::remove_all(listing.path, error);
    check(error, "remove", listing.path);
    return;
  }
  std::string elsewhere;
  for (const auto& listing : list_models()) {
    if (listing.name == name) elsewhere = listing.path.parent_path().string();
  }
  throw Error(
      ErrorCode::not_found,
      elsewhere.empty()
          ? fmt::format("No model '{}' is installed in '{}'.", name, folder.string())
          : fmt::format("The model '{}' lies in '{}', which belongs to the installation; only models in '{}' "
                        "are removed.",
                        name, elsewhere, folder.string()));
}

}  // namespace workflows
