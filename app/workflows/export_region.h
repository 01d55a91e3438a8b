#pragma once

#include <filesystem>

#include "imaging/base/geometry.h"
#include "imaging/base/job.h"
#include "imaging/slide/slide_reader.h"

namespace workflows {

/// Writes a part of a slide as a pyramidal TIFF that keeps its physical scale. Holds 256 rows at a time.
///
/// @param rect_l0  cut at the slide's edge
/// @param mpp      resolution to write at, never finer than the slide; 0 for the slide's own
/// @return         the size written, pixels
/// @throws Error   `invalid_argument` where nothing of the rectangle lies on the slide; as SlideReader and
///                 PyramidTiffWriter; Cancelled.
imaging::SizeI export_region(const imaging::SlideReader& reader, imaging::RectD rect_l0,
                             const imaging::SlideScale& scale, double mpp,
                             const std::filesystem::path& target, const imaging::JobContext& job);

}  // namespace workflows
