#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "imaging/base/image.h"

namespace support {

/// Every pixel tells its position: red x mod 256, green y mod 256, blue 16 (x / 256) + (y / 256).
[[nodiscard]] imaging::Image8 paint_positions(std::int64_t width, std::int64_t height);

/// Exact averages of step x step pixels, at the edges of those that exist; `ceil` keeps the partial last
/// ones.
[[nodiscard]] imaging::Image8 shrunk(const imaging::Image8& fine, std::int64_t step, bool ceil);

/// A tiled TIFF with these levels as its images, 64 x 64 tiles, uncompressed; `pixels_per_cm` 0 for no tags.
void write_tiled_tiff(const std::filesystem::path& path, const std::vector<imaging::Image8>& levels,
                      float pixels_per_cm = 0);

struct StripTiff {
  int bits = 8;     ///< 8 or 16
  int samples = 3;  ///< 1, 3 or 4 (alpha, not premultiplied)
  int orientation = 1;
  int compression = 5;  ///< LZW
  float pixels_per_cm = 0;
};
/// A striped TIFF, which OpenSlide refuses. @param pixels  interleaved, top row first
void write_strip_tiff(const std::filesystem::path& path, std::int64_t width, std::int64_t height,
                      const std::vector<std::uint16_t>& pixels, const StripTiff& form);

}  // namespace support
