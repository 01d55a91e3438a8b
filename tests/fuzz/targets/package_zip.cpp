#include "models/runtime/model_package.h"
#include "tests/fuzz/fuzz_support.h"

void fuzz::package_zip(Bytes bytes) {
  accept_refusal([&] { (void)models::ModelPackage::open(as_file("package.tsr", bytes)); });
}
