#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <type_traits>
#include <utility>
#include <vector>

#include "imaging/base/options.h"

namespace imaging {

/// A board of numbered cells, for tests of geometry: the colour of each cell says its column and row exactly.
struct CheckerOptions {
  std::int64_t columns = 32;      ///< cells along x, 1 to 4096
  std::int64_t rows = 24;         ///< cells along y, 1 to 4096
  std::int64_t cell_px = 64;      ///< side of a cell in level-0 pixels; a multiple of the largest downsample
  double mpp_x = 0.5;             ///< µm per level-0 pixel
  double mpp_y = 0.5;             ///< µm per level-0 pixel
  std::int64_t jpeg_quality = 0;  ///< 0: lossless; TIFF only
  std::vector<std::int64_t> downsamples = {1, 2, 4};  ///< TIFF only; mixed steps such as 1, 4, 16 are welcome
};

/// `downsamples` is a list of numbers, which options do not carry; the command line takes it by itself.
template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, CheckerOptions>
void visit_fields(Visitor&& field, Options& options) {
  field("columns", options.columns, FieldInfo{.help = "Cells along x", .min = 1, .max = 4096});
  field("rows", options.rows, FieldInfo{.help = "Cells along y", .min = 1, .max = 4096});
  field("cell_px", options.cell_px,
        FieldInfo{.unit = "px", .help = "Side of a cell", .min = 1, .max = 65536});
  field("mpp_x", options.mpp_x, FieldInfo{.unit = "µm/px", .help = "Scale along x", .min = 0.01, .max = 100});
  field("mpp_y", options.mpp_y, FieldInfo{.unit = "µm/px", .help = "Scale along y", .min = 0.01, .max = 100});
  field("jpeg_quality", options.jpeg_quality,
        FieldInfo{.help = "Quality of a TIFF's tiles; 0 is lossless", .min = 0, .max = 100});
}

/// Colour of a cell: red holds the column's low byte, green the row's low byte, blue both high nibbles.
[[nodiscard]] constexpr std::array<std::uint8_t, 3> checker_colour(std::int64_t column, std::int64_t row) {
  return {static_cast<std::uint8_t>(column & 0xff), static_cast<std::uint8_t>(row & 0xff),
          static_cast<std::uint8_t>(((column >> 8) & 0xf) | (((row >> 8) & 0xf) << 4))};
}

/// Column and row of a losslessly stored checker colour.
[[nodiscard]] constexpr std::pair<std::int64_t, std::int64_t> decode_checker_colour(const std::uint8_t* rgb) {
  return {rgb[0] | ((rgb[2] & 0xf) << 8), rgb[1] | ((rgb[2] >> 4) << 8)};
}

/// Writes the board as `.png` (one level, no scale) or `.tif`/`.tiff` (tiled pyramid). Below level 0 every
/// pixel lies within one cell, so a lossless board decodes on every level.
///
/// @throws Error  `invalid_argument` on another extension, a board above 2^30 pixels or an option out of
/// range;
///                `io_error`.
void write_checker_slide(const std::filesystem::path& path, const CheckerOptions& options);

}  // namespace imaging
