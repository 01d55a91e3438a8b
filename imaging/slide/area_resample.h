#pragma once

#include "imaging/base/geometry.h"
#include "imaging/slide/slide_reader.h"

namespace imaging {

/// Resamples a rectangle with fractional edges to `size` pixels. Shrinking: exact area average (each source
/// pixel weighted by its covered share). Enlarging: bilinear at pixel centres. Unit step on whole pixels: a
/// copy.
///
/// @param source  H x W x 3 uint8
/// @param rect    in pixels of `source`; where it leaves the image, the edge is white
[[nodiscard]] Image8 resample_area(const Image8& source, RectD rect, SizeI size);

/// Reads `rect_l0` at exactly `size` pixels, from the smallest level that is at least as fine as asked for
/// (level 0 where none is). Lower levels are trusted only for their pixels; geometry comes from the level
/// sizes (`level_step`).
///
/// OpenSlide takes whole level-0 positions only: where a level's downsample is not whole, its pixels come
/// interpolated by up to 0.5 / downsample of a pixel. The place is still right; the picture is a little
/// softer.
///
/// @throws Error  as SlideReader::read_region.
/// @par Cost      Decodes at most 4x the pixels asked for on a pyramid of step 2.
[[nodiscard]] Image8 read_area(const SlideReader& reader, RectD rect_l0, SizeI size);

/// The level `read_area` uses for this many level-0 pixels per output pixel.
[[nodiscard]] int choose_level(const SlideInfo& info, double downsample);

/// Level-0 pixels per pixel of a level, x and y apart: the whole number that explains both of the level's
/// sizes by rounding (2967 pixels halved are 1483 or 1484, yet a pixel is exactly 2), else the quotients of
/// the sizes.
[[nodiscard]] PointD level_step(const SlideInfo& info, int level);

/// The whole slide at exactly `size` pixels, read in blocks so that memory is bounded. A block whose level is
/// damaged comes from the next lower level that reads; of one that none holds, the parts that read are taken,
/// down to 128 level-0 pixels, and the rest stays white.
/// @throws Error  `corrupt_data` if nothing can be read.
[[nodiscard]] Image8 read_whole(const SlideReader& reader, SizeI size);

/// Within max_side pixels, aspect kept, never enlarged; no side below 1.
[[nodiscard]] SizeI size_within(SizeI size, std::int64_t max_side);

/// `read_whole` at size_within(the slide, max_side).
[[nodiscard]] Image8 read_overview(const SlideReader& reader, std::int64_t max_side);

}  // namespace imaging
