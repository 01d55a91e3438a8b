#include "app/workflows/pack_model.h"

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

}  // namespace workflows
