#include "models/runtime/model_package.h"
#include "tests/fuzz/fuzz_support.h"

/// The manifest of a package that otherwise holds an empty README.md and nothing else.
void fuzz::manifest(Bytes bytes) {
  accept_refusal([&] {
    (void)as_file("package/README.md", {});
    const auto folder = as_file("package/manifest.json", bytes).parent_path();
    const auto package = models::ModelPackage::open(folder);
    (void)package.task();
    (void)package.architecture();
    (void)package.class_names();
    (void)package.mpp_tolerance();
    (void)package.card();
    accept_refusal([&] { (void)package.patch_size_pixels(); });
    accept_refusal([&] { (void)package.spacing_um_px(); });
  });
}
