#pragma once

#include <filesystem>
#include <optional>

#include "app/workflows/stain.h"
#include "models/encoders/pack_encoder.h"
#include "models/runtime/model_package.h"
#include "models/segmentation/pack_segmenter.h"

namespace workflows {

/// Makes an encoder package of weights, zipped where `out` ends in .tsr, and opens it once to check it.
/// @param stain  what its tiles are made to look like before the encoder's own transform; part of its
/// identity
/// @throws Error as pack_encoder, zip_package, stain_target_of.
models::ModelPackage pack_model(const models::PackOptions& options, const StainOptions& stain,
                                const std::filesystem::path& out);

/// The same for a segmenter. @throws Error as pack_segmenter, zip_package.
models::ModelPackage pack_segmentation_model(const models::PackOptions& options,
                                             const models::SegmenterPackOptions& segmenter,
                                             const std::filesystem::path& out);

/// Seals a package folder anew after its card or facts were edited by hand: the hashes of all files are taken
/// again, so its identity changes.
/// @param card   Markdown that becomes the package's README.md
/// @param facts  JSON object merged into the manifest (RFC 7396): metrics, intended_use, limitations, ...
/// @throws Error `not_found`, `corrupt_data` (a manifest or facts that are not JSON), as
/// models::seal_package.
models::ModelPackage reseal_model(const std::filesystem::path& folder,
                                  const std::optional<std::filesystem::path>& card,
                                  const std::optional<std::filesystem::path>& facts);

}  // namespace workflows
