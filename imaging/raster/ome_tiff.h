#pragma once

#include <filesystem>

#include "imaging/raster/score_raster.h"

namespace imaging {

/// Writes a tiled pyramidal float32 OME-TIFF: one plane per channel, PhysicalSizeX/Y in µm, deflate, lower
/// levels as SubIFDs (means of the finite values, NaN where there are none). Atomic.
/// @throws Error `io_error`.
void write_ome_tiff(const std::filesystem::path& path, const ScoreRaster& raster);

/// Level 0 of a file that write_ome_tiff wrote, origin (0, 0). @throws Error `corrupt_data`, `not_found`.
[[nodiscard]] ScoreRaster read_ome_tiff(const std::filesystem::path& path);

}  // namespace imaging
