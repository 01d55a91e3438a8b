#pragma once

#include <filesystem>
#include <string>

#include "mil/training/import_classifier.h"
#include "models/runtime/model_package.h"

namespace workflows {

struct ImportRequest {
  std::filesystem::path checkpoint;
  mil::ImportOptions options;
  std::string encoder;        ///< package its tiles were encoded with; empty where not known
  std::filesystem::path out;  ///< zipped where it ends in .tsr
};

/// Makes a slide classifier of a checkpoint of CLAM, MHIM-MIL or TransMIL and opens it once to check it.
/// @throws Error as mil::import_classifier, find_package, zip_package.
models::ModelPackage import_model(const ImportRequest& request);

}  // namespace workflows
