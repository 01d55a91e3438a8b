#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "imaging/base/image.h"
#include "imaging/slide/slide_reader.h"
#include "imaging/stain/optical_density.h"
#include "imaging/tiling/tile_grid.h"

namespace imaging {

/// Pixels of all tiles together, evenly spaced in reading order.
/// @param tiles       H x W x 3 each
/// @return            N x 1 x 3, N <= max_pixels (or little above, as the spacing is whole)
[[nodiscard]] Image8 sample_pixels(std::span<const Image8> tiles, std::int64_t max_pixels = 250'000);

/// Pixels of up to `max_tiles` tiles spread evenly over the grid, read at the grid's resolution: what a
/// slide's stains are found on, once, so that neighbouring tiles are treated alike. Tiles that do not decode
/// are left out.
/// @throws Error  `corrupt_data` if none decodes.
/// @par Cost      Reads `max_tiles` tiles.
[[nodiscard]] Image8 sample_slide_pixels(const SlideReader& reader, const TileGrid& grid,
                                         std::int64_t max_tiles = 48);

/// Pixels of a whole image or slide of any size, in small windows evenly spread over level 0. Windows that do
/// not decode are left out.
/// @throws Error  `corrupt_data` if none decodes.
/// @par Cost      Reads at most 4 million pixels.
[[nodiscard]] Image8 sample_image_pixels(const SlideReader& reader);

/// The colour of the glass: per channel the median of the brightest twentieth of those pixels that are pale
/// and nearly grey; 255 where fewer than a thousandth of the pixels are.
[[nodiscard]] WhiteLevel estimate_white_level(const Image8& pixels);

/// Optical density, R, G, B.
using Density = std::array<float, 3>;

/// The optical densities of the pixels that hold H&E stain. Left out are glass (the density's length is below
/// `min_od`), what is too dark to have a colour, and colours that no mixture of the two dyes has: black,
/// green and blue ink.
[[nodiscard]] std::vector<Density> stained_densities(const Image8& pixels, const WhiteLevel& white,
                                                     double min_od);

}  // namespace imaging
