#pragma once

#include "imaging/fundus/field_of_view.h"
#include "imaging/raster/colormap.h"
#include "imaging/raster/score_raster.h"

namespace workflows {

/// The evidence map as it is shown over a photograph: enlarged between its cells (bilinear, of finite cells
/// alone) and clipped to the disc. For display; the raw cells are what attention.ome.tif holds.
[[nodiscard]] imaging::ScoreRaster evidence_view(const imaging::ScoreRaster& raster,
                                                 const imaging::FieldOfView& field);

/// How it is painted: from the smallest to the largest value, the lowest third left clear so that the
/// retina stays visible.
/// @param opacity  0 to 1
[[nodiscard]] imaging::HeatmapStyle evidence_style(const imaging::PaintedRange& range, double opacity);

}  // namespace workflows
