#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "imaging/slide/slide_reader.h"

namespace imaging {

/// Versions of the decoding libraries.
[[nodiscard]] std::string tiff_reader_version();

/// True for an Aperio slide and a plain tiled TIFF (OpenSlide's vendors "aperio" and "generic-tiff") whose
/// first image consists of 8-bit RGB JPEG tiles. Looks at the content. Never throws.
[[nodiscard]] bool tiff_recognises(const std::filesystem::path& path);

/// Opens such a slide: OpenSlide says what the slide is (`info` differs in `reader` and `reader_version`
/// alone) and reads the associated images; the tiles are read straight from the file and decoded by
/// libjpeg-turbo.
///
/// The pixels are OpenSlide's, bit for bit. It decodes such tiles with the same library in the same way, and
/// the decoder's warnings are errors for both. Where a level's downsample is not whole and a region begins
/// between two of its pixels (by more than 1/512), OpenSlide interpolates with cairo, and so does this reader
/// with the very same steps. What it cannot do alike (tiles an Aperio slide lacks, any level of another kind)
/// leaves the whole file to OpenSlide, here and now: see `info().reader`.
///
/// Keeps up to 32 MB of decoded tiles that regions cut, so that neighbours decode each about once.
///
/// @throws Error  as open_with_openslide; `corrupt_data` too where the list of images leads back to
///                itself, more than half of level 0's tiles are not listed or none lies inside the file.
/// @par Threads   Reads run concurrently; a tile wanted by several threads is decoded by one.
[[nodiscard]] std::unique_ptr<SlideReader> open_tiff_slide(const std::filesystem::path& path);

}  // namespace imaging
