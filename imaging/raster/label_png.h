#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>

#include "imaging/base/geometry.h"
#include "imaging/base/image.h"

namespace imaging {

/// The colour in which a class is shown: told apart by colour-blind people up to seven classes, then
/// repeated. The background, 0, is black.
[[nodiscard]] std::array<std::uint8_t, 3> class_colour(int label);

/// Writes labels as a PNG of 8-bit palette indices from rows handed over top to bottom: the number of a pixel
/// is its class, and viewers show the class's colour. The same rows give the same bytes.
///
/// The file appears under its name at `finish` alone.
/// @par Threads  One thread at a time.
/// @par Cost     Memory: one row.
class LabelPngWriter {
 public:
  /// @throws Error  `invalid_argument` on an empty size, `io_error`.
  LabelPngWriter(std::filesystem::path path, SizeI size);
  ~LabelPngWriter();
  LabelPngWriter(const LabelPngWriter&) = delete;
  LabelPngWriter& operator=(const LabelPngWriter&) = delete;

  /// @param rows   width x any x 1
  /// @throws Error `invalid_argument` on another width or too many rows, `io_error` (full disk).
  void append_rows(const Image8& rows);
  /// @throws Error `invalid_argument` if rows are missing, `io_error`.
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A whole label map. @throws Error  as LabelPngWriter.
void write_label_png(const std::filesystem::path& path, const Image8& labels);

}  // namespace imaging
