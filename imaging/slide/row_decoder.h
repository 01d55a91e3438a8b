#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "imaging/base/geometry.h"

namespace imaging {

/// Longest side of a flat picture; a band of 256 of its rows is held in memory.
inline constexpr std::int64_t kMaxFlatSide = std::int64_t{1} << 19;

/// How the rows of a picture come out of its decoder.
struct RowFormat {
  SizeI size;                     ///< as stored, before the orientation
  int channels = 3;               ///< 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha
  int bits = 8;                   ///< of a sample, 8 or 16 (native byte order)
  bool is_premultiplied = false;  ///< colours already multiplied by alpha
  bool is_white_at_zero = false;  ///< TIFF's MinIsWhite, DICOM's MONOCHROME1
  int orientation = 1;            ///< 1 to 8, as TIFF and EXIF count them
};

/// A picture decoded row by row, top row first.
///
/// @par Threads  One thread at a time.
class RowDecoder {
 public:
  virtual ~RowDecoder() = default;
  [[nodiscard]] const RowFormat& format() const { return format_; }
  /// What the decoder complained of without failing; empty if nothing.
  [[nodiscard]] const std::string& complaint() const { return complaint_; }

  /// Decodes the next row: size.width * channels samples, interleaved.
  /// @throws Error  `corrupt_data` where the file is damaged or ends early.
  virtual void read_row(std::uint8_t* samples) = 0;
  /// Call after the last row: a file whose end is missing is refused here. @throws Error  `corrupt_data`.
  virtual void finish() {}

 protected:
  RowFormat format_;
  std::string complaint_;
};

/// Each opens a file and reads its header.
/// @param pixels_in_memory  above this many pixels a file whose rows do not come in order (interlaced PNG,
///                          progressive JPEG) is refused
/// @throws Error  `corrupt_data`; `unsupported_format` on samples that are no picture (floating point);
///                `resource_exhausted` on sizes above the limits of open_flat_image.
[[nodiscard]] std::unique_ptr<RowDecoder> open_png_rows(const std::filesystem::path& path,
                                                        std::int64_t pixels_in_memory);
/// The same with the numbers that the file stores: indices of a palette instead of its colours, and grey of
/// 1, 2 and 4 bits as 0 to 1, 3 and 15, a sample a byte.
[[nodiscard]] std::unique_ptr<RowDecoder> open_png_numbers(const std::filesystem::path& path,
                                                           std::int64_t pixels_in_memory);
[[nodiscard]] std::unique_ptr<RowDecoder> open_jpeg_rows(const std::filesystem::path& path,
                                                         std::int64_t pixels_in_memory);
/// The first image of a TIFF that is not marked as reduced or as a mask; see first_full_page.
[[nodiscard]] std::unique_ptr<RowDecoder> open_tiff_rows(const std::filesystem::path& path,
                                                         std::int64_t pixels_in_memory);

/// Refuses sizes that no picture has, before anything is allocated for them: zero or negative sides, sides
/// above kMaxFlatSide, and, above `pixels_in_memory`, more than 1100 times the file's bytes (deflate reaches
/// 1032, JPEG 1023: the header lies, or the file is a decompression bomb).
/// @param bits  of a pixel as the file stores it
/// @throws Error  `corrupt_data` on an empty size, else `resource_exhausted`.
void check_picture_size(const std::filesystem::path& path, SizeI size, int bits,
                        std::int64_t pixels_in_memory);

/// @throws Error  `unsupported_format`: "PATH: WHY."
[[noreturn]] void refuse_kind(const std::filesystem::path& path, std::string_view why);

/// @throws Error  `corrupt_data`: "PATH: cannot be decoded: WHY."
[[noreturn]] void refuse_damaged(const std::filesystem::path& path, std::string_view why);

}  // namespace imaging
