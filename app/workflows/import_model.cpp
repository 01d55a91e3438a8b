#include "app/workflows/import_model.h"

#include "app/workflows/model_registry.h"
#include "mil/aggregators/bag_classifier.h"

namespace workflows {
namespace fs = std::filesystem;

models::ModelPackage import_model(const ImportRequest& request) {
  auto folder = request.out.has_filename() ? request.out : request.out.parent_path();
  const bool is_zipped = folder.extension() == ".tsr";
  if (is_zipped) folder.replace_extension();
  auto options = request.options;
  if (options.name.empty()) options.name = folder.filename().string();
  mil::BagOrigin origin;
  if (!request.encoder.empty()) {
    const auto encoder = find_package(request.encoder);
    origin = {.dim = encoder.manifest().value("feature_dim", std::int64_t{0}),
              .encoder_name = encoder.name(),
              .encoder_sha256 = encoder.sha256(),
              .tile_px = encoder.patch_size_pixels(),
              .tile_mpp = encoder.spacing_um_px()};
  }
  mil::import_classifier(request.checkpoint, options, origin, folder);
  if (is_zipped) {
    models::zip_package(folder, request.out);
    fs::remove_all(folder);
  }
  auto package = models::ModelPackage::open(request.out);
  (void)mil::open_classifier(package, "cpu");
  return package;
}

}  // namespace workflows
