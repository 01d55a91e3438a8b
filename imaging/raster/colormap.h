#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "imaging/raster/score_raster.h"

namespace imaging {

/// 256 RGB entries, perceptually uniform and colour-blind safe unless the name says otherwise.
struct Colormap {
  std::string_view name;
  std::array<std::array<std::uint8_t, 3>, 256> rgb;
};

/// All colormaps; the first is the default.
[[nodiscard]] std::span<const Colormap> colormaps();
/// @throws Error `invalid_argument` listing the names.
[[nodiscard]] const Colormap& find_colormap(std::string_view name);

struct HeatmapStyle {
  float low = 0;                                              ///< value painted with the first colour
  float high = 1;                                             ///< value painted with the last colour
  double opacity = 0.45;                                      ///< 0 to 1
  float threshold = -std::numeric_limits<float>::infinity();  ///< values below are not painted
};

/// One channel as RGBA, one pixel per raster pixel; NaN and values below the threshold are transparent.
[[nodiscard]] Image8 colour_raster(const ScoreRaster& raster, int channel, const Colormap& map,
                                   const HeatmapStyle& style);

/// The heatmap blended over an overview that shows the whole slide; raster pixels keep hard edges and lie
/// exactly over their tiles.
[[nodiscard]] Image8 blend_heatmap(const Image8& overview, SizeI slide_size_l0, const ScoreRaster& raster,
                                   int channel, const Colormap& map, const HeatmapStyle& style);

}  // namespace imaging
