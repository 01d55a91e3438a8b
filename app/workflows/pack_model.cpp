#include "app/workflows/pack_model.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "imaging/base/error.h"
#include "imaging/base/files.h"

namespace workflows {
namespace fs = std::filesystem;

models::ModelPackage pack_model(const models::PackOptions& options, const fs::path& out) {
  auto folder = out;
  const bool is_zipped = out.extension() == ".tsr";
  if (is_zipped) folder.replace_extension();
  models::pack_encoder(options, folder);
  if (is_zipped) {
    models::zip_package(folder, out);
    fs::remove_all(folder);
  }
  return models::ModelPackage::open(out);
}

models::ModelPackage reseal_model(const fs::path& folder, const std::optional<fs::path>& card,
                                  const std::optional<fs::path>& facts) {
  const auto read_json = [](const fs::path& path) {
    try {
      return nlohmann::ordered_json::parse(imaging::read_file(path));
    } catch (const nlohmann::json::exception& error) {
      throw imaging::Error(imaging::ErrorCode::corrupt_data,
                           fmt::format("{}: not valid JSON ({}).", path.string(), error.what()));
    }
  };
  auto manifest = read_json(folder / "manifest.json");
  if (facts) manifest.merge_patch(read_json(*facts));
  if (card) imaging::write_file(folder / "README.md", imaging::read_file(*card));
  models::seal_package(folder, manifest);
  return models::ModelPackage::open(folder);
}

}  // namespace workflows
