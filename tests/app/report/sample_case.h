#pragma once

#include <filesystem>

#include "app/workflows/case_folder.h"
#include "imaging/raster/score_raster.h"

namespace support {

/// What `analyze` would say of a painted slide of 4096 x 3072 px at 0.5 µm/px, tiles of 256 px, two classes,
/// eight top tiles; every field is set.
[[nodiscard]] workflows::CaseResult sample_result();

/// The same for a slide that could not be tiled: no scale, no pictures.
[[nodiscard]] workflows::CaseResult sample_failure();

/// Attention that sums to 1 on the 16 x 12 grid of `sample_result`, NaN in the outer ring.
[[nodiscard]] imaging::ScoreRaster sample_scores();

/// Writes the files that a report reads: result.json and, unless it failed, thumbnail, scores and top tiles.
workflows::CaseFolder write_sample_case(const std::filesystem::path& folder,
                                        const workflows::CaseResult& result);

}  // namespace support
