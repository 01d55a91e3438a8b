#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "imaging/base/geometry.h"
#include "imaging/base/image.h"

namespace imaging {

struct PyramidTiffOptions {
  SizeI size;                             ///< level-0 pixels
  double mpp_x = 0.5;                     ///< µm per level-0 pixel, written as pixels per centimetre
  double mpp_y = 0.5;                     ///< µm per level-0 pixel, written as pixels per centimetre
  int jpeg_quality = 85;                  ///< 1 to 100; 0 stores losslessly (deflate)
  std::vector<std::int64_t> downsamples;  ///< 1 first, each a multiple of the one before; empty: powers of
                                          ///< two until the level fits one tile
  std::string description;                ///< ImageDescription of level 0; says what the file is
  bool big_tiff = false;                  ///< BigTIFF even where the expected size does not ask for it
};

/// Writes a tiled pyramidal RGB TIFF (256 x 256 tiles) from rows handed over top to bottom.
///
/// Each lower level is the box mean of the level above, its size rounded down. The file opens as generic-tiff
/// in OpenSlide. It appears under its name at `finish` alone; without it nothing is left behind. The same
/// rows give the same bytes. Above 3.5 GB of expected size (the most that the compression leaves, not what it
/// usually does) the file is a BigTIFF. Nothing of the picture's size is ever held.
///
/// @par Threads  One thread at a time.
/// @par Cost     Memory: two rows of level-0 tiles at most. Disk: 1.7 times level 0 until `finish` ends.
class PyramidTiffWriter {
 public:
  static constexpr std::int64_t kTilePx = 256;

  /// @throws Error `invalid_argument` on an option out of range, `io_error` if the folder cannot be
  ///               written or has not the space that a JPEG slide of this size will take.
  PyramidTiffWriter(std::filesystem::path path, PyramidTiffOptions options);
  ~PyramidTiffWriter();
  PyramidTiffWriter(const PyramidTiffWriter&) = delete;
  PyramidTiffWriter& operator=(const PyramidTiffWriter&) = delete;

  /// @param rows   kTilePx x width x 3 (fewer rows at the slide's lower end only)
  /// @throws Error `invalid_argument` on another size, `io_error` (full disk).
  void append_rows(const Image8& rows);
  /// @throws Error `invalid_argument` if rows are missing, `io_error`.
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The level downsamples that an empty `PyramidTiffOptions::downsamples` stands for.
[[nodiscard]] std::vector<std::int64_t> default_downsamples(SizeI size);

}  // namespace imaging
