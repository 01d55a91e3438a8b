#pragma once

#include "imaging/base/geometry.h"
#include "imaging/slide/slide_reader.h"

namespace imaging {

/// Resamples a rectangle with fractional edges to `size` pixels. Shrinking: exact area average (each source pixel
/// weighted by its covered share). Enlarging: bilinear at pixel centres. Unit step on whole pixels: a copy.
///
/// @param source  H x W x 3 uint8
/// @param rect    in pixels of `source`; where it leaves the image, the edge is white
[[nodiscard]] Image8 resample_area(const Image8& source, RectD rect, SizeI size);

/// Reads `rect_l0` at exactly `size` pixels, from the smallest level that is at least as fine as asked for (level 0
/// where none is). Lower levels are trusted only for their pixels; geometry comes from the level sizes.
///
/// @throws Error  as SlideReader::read_region.
/// @par Cost      Decodes at most 4x the pixels asked for on a pyramid of step 2.
[[nodiscard]] Image8 read_area(const SlideReader& reader, RectD rect_l0, SizeI size);

/// The level `read_area` uses for this many level-0 pixels per output pixel.
[[nodiscard]] int choose_level(const SlideInfo& info, double downsample);

/// The whole slide within max_side pixels, aspect kept. Where a level is damaged the next lower one is used.
[[nodiscard]] Image8 read_overview(const SlideReader& reader, std::int64_t max_side);

}  // namespace imaging
