#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "imaging/base/files.h"
#include "imaging/base/geometry.h"
#include "tests/support/test_support.h"

namespace support {

/// Runs `tessera ARGUMENTS`.
[[nodiscard]] CommandOutput run_tessera(const std::string& arguments);

/// A PNG that looks like tissue to the mask: a coloured, textured block on glass.
/// @param tissue  where the block lies, pixels
void paint_tissue_png(const std::filesystem::path& path, imaging::SizeI size, imaging::RectD tissue,
                      std::uint64_t seed);

/// An encoder and a classifier that fits it, with random weights of a fixed seed, written once per process.
/// Tiles are 32 px at 1 µm/px.
struct TinyModels {
  std::filesystem::path encoder, classifier;
};
[[nodiscard]] const TinyModels& tiny_models();

/// A fundus grader with random weights of a fixed seed and an oedema head, written once per process. Its crop
/// has 256 px, its evidence map 8 x 8 cells.
[[nodiscard]] const std::filesystem::path& tiny_grader();

/// All files below a folder with their bytes' sha256 and time of change, as one text: equal texts, untouched
/// folders.
[[nodiscard]] std::string listing(const std::filesystem::path& folder);

}  // namespace support
