#include "app/workflows/pack_model.h"

#include <fmt/format.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/base/json_text.h"

namespace workflows {
namespace fs = std::filesystem;

namespace {

/// Where `out` ends in .tsr, `make` fills a folder beside it that is then zipped.
models::ModelPackage make_package(const fs::path& out, const std::function<void(const fs::path&)>& make) {
  auto folder = out;
  const bool is_zipped = out.extension() == ".tsr";
  if (is_zipped) folder.replace_extension();
  make(folder);
  if (is_zipped) {
    models::zip_package(folder, out);
    fs::remove_all(folder);
  }
  return models::ModelPackage::open(out);
}

}  // namespace

models::ModelPackage pack_model(const models::PackOptions& options, const StainOptions& stain,
                                const fs::path& out) {
  const auto target = stain_target_of(stain, SlideSource({.isolate = "never"}, {}), {});
  return make_package(out, [&](const fs::path& folder) {
    models::pack_encoder(options, folder);
    if (!target) return;
    auto manifest = models::ModelPackage::open(folder).manifest();
    manifest["stain_normalisation"] = imaging::to_json(*target);
    models::seal_package(folder, manifest);
  });
}

models::ModelPackage pack_segmentation_model(const models::PackOptions& options,
                                             const models::SegmenterPackOptions& segmenter,
                                             const fs::path& out) {
  return make_package(out, [&](const fs::path& folder) {
    models::pack_segmenter(options.weights, options.name, options.licence, options.card, segmenter, folder);
  });
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
