#include "app/workflows/pack_model.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/base/json_text.h"

namespace workflows {
namespace fs = std::filesystem;

models::ModelPackage pack_model(const models::PackOptions& options, const StainOptions& stain,
                                const fs::path& out) {
  const auto target = stain_target_of(stain, SlideSource({.isolate = "never"}, {}), {});
  auto folder = out;
  const bool is_zipped = out.extension() == ".tsr";
  if (is_zipped) folder.replace_extension();
  models::pack_encoder(options, folder);
  if (target) {
    auto manifest = models::ModelPackage::open(folder).manifest();
    manifest["stain_normalisation"] = imaging::to_json(*target);
    models::seal_package(folder, manifest);
  }
  if (is_zipped) {
    models::zip_package(folder, out);
    fs::remove_all(folder);
  }
  return models::ModelPackage::open(out);
}

models::ModelPackage reseal_model(const fs::path& folder, const std::optional<fs::path>& card,
                                  const std::optional<fs::path>& facts) {
  const auto read_json = [](const fs::path& path) {
    return imaging::parse_json<nlohmann::ordered_json>(imaging::read_file(path), path.string());
  };
  auto manifest = read_json(folder / "manifest.json");
  if (facts) manifest.merge_patch(read_json(*facts));
  if (const auto stain = manifest.find("stain_normalisation"); stain != manifest.end())
    (void)imaging::stain_profile_from_json(*stain);
  if (card) imaging::write_file(folder / "README.md", imaging::read_file(*card));
  models::seal_package(folder, manifest);
  return models::ModelPackage::open(folder);
}

}  // namespace workflows
