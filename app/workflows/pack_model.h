#pragma once

#include <filesystem>

#include "models/encoders/pack_encoder.h"
#include "models/runtime/model_package.h"

namespace workflows {

/// Makes an encoder package of weights, zipped where `out` ends in .tsr, and opens it once to check it.
/// @throws Error as pack_encoder, zip_package.
models::ModelPackage pack_model(const models::PackOptions& options, const std::filesystem::path& out);

}  // namespace workflows
