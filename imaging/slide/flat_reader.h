#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "imaging/slide/slide_reader.h"

namespace imaging {

/// Versions of the decoding libraries.
[[nodiscard]] std::string flat_reader_version();

/// True if the file starts as a PNG, JPEG or TIFF does. Never throws.
[[nodiscard]] bool flat_recognises(const std::filesystem::path& path);

/// Opens a PNG, a JPEG or an image of a TIFF as a slide, of any size: decoded once, row by row, into a
/// pyramid of exact halves in memory or, above `pixels_in_memory`, in a temporary file (see
/// make_picture_reader). Rules:
/// - grey and palette become RGB; MinIsWhite is inverted; CMYK is R = C K / 255 with C and K as shares
///   of paper; transparency is laid over white; bits 1, 2 and 4 are spread over 0 to 255;
/// - 16-bit samples become 8-bit by the rule of SampleCounts, and a warning says which range was mapped;
/// - samples that are signed or floating-point numbers are refused;
/// - the EXIF orientation of a JPEG and the orientation tag of a TIFF are applied, those of a PNG are not;
/// - of a TIFF with several images the first that is not marked as reduced or as a mask is shown, and
///   a warning says so;
/// - a TIFF's resolution tags give the scale as for OpenSlide; PNG, JPEG and EXIF dpi never do;
/// - a file that ends early is refused; what a decoder merely complains of is a warning;
/// - sizes that no picture has are refused before memory is taken for them (check_picture_size); so
///   are, above `pixels_in_memory`, interlaced PNGs and progressive JPEGs, whose rows do not come in
///   order; and progressive JPEGs of more than 100 scans.
///
/// @throws Error  `not_found`, `unsupported_format`, `corrupt_data`, `resource_exhausted`, `io_error`.
/// @par Threads   All reads may run concurrently.
/// @par Cost      Time to decode (twice for 16 bits). Above `pixels_in_memory`: memory for 256 rows,
///                4 bytes of temporary disk a pixel.
[[nodiscard]] std::unique_ptr<SlideReader> open_flat_image(const std::filesystem::path& path,
                                                           std::int64_t pixels_in_memory);
/// With the usual kPixelsInMemory.
[[nodiscard]] std::unique_ptr<SlideReader> open_flat_image(const std::filesystem::path& path);

}  // namespace imaging
