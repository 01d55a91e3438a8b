#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "imaging/slide/slide_reader.h"

namespace imaging {

/// Largest flat image that is opened; it is held in memory as RGB (1.5 GiB at the limit, a third more for
/// overviews).
inline constexpr std::int64_t kMaxFlatPixels = std::int64_t{1} << 29;

/// Versions of the decoding libraries.
[[nodiscard]] std::string flat_reader_version();

/// True if the file starts as a PNG, JPEG or TIFF does. Never throws.
[[nodiscard]] bool flat_recognises(const std::filesystem::path& path);

/// Opens a PNG, a JPEG or the first image of a TIFF as a slide: decoded whole, with a virtual pyramid of
/// exact halves (area averages, made when first read). Rules:
/// - grey and palette become RGB; transparency is laid over white;
/// - 16-bit samples become 8-bit: PNG round(v / 257), TIFF as libtiff's RGBA reading does (within one grey
/// level);
/// - the EXIF orientation of a JPEG and the orientation tag of a TIFF are applied, those of a PNG are not;
/// - a TIFF's resolution tags give the scale as for OpenSlide; PNG, JPEG and EXIF dpi never do;
/// - a file that ends early is refused.
///
/// @throws Error  `not_found`, `unsupported_format`, `corrupt_data`; `resource_exhausted` above
/// kMaxFlatPixels.
/// @par Threads   All reads may run concurrently.
[[nodiscard]] std::unique_ptr<SlideReader> open_flat_image(const std::filesystem::path& path);

}  // namespace imaging
