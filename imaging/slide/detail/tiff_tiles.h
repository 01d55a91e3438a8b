#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "imaging/base/geometry.h"

namespace imaging::detail {

/// Where the JPEG tiles of one level lie in the file.
struct TiffTiles {
  SizeI size;               ///< pixels of the level
  SizeI tile;               ///< pixels of a tile
  std::int64_t across = 0;  ///< tiles in a row
  std::int64_t down = 0;    ///< tiles in a column
  bool is_ycbcr = true;
  std::vector<std::uint8_t> jpeg_tables;
  /// By row * across + column; both are empty where the file holds no table of so many tiles.
  std::vector<std::uint64_t> offsets;
  std::vector<std::uint64_t> byte_counts;  ///< 0 where the file lacks the tile
};

struct TiffSlide {
  std::vector<TiffTiles> levels;  ///< in OpenSlide's order
  bool is_cut_short = false;      ///< the list of images leads outside the file
};

/// True if the first image of the TIFF consists of tiles as read_tiff_tiles takes them. Never throws.
[[nodiscard]] bool has_jpeg_tiles(const std::filesystem::path& path);

/// The levels of a TIFF of OpenSlide's vendors "aperio" and "generic-tiff".
///
/// @return        nothing where any level is not made of 8-bit, 3-channel JPEG tiles of at most 2^24 pixels.
/// @throws Error  `corrupt_data` where the list of images leads back to itself.
[[nodiscard]] std::optional<TiffSlide> read_tiff_tiles(const std::filesystem::path& path,
                                                       std::string_view vendor);

}  // namespace imaging::detail
