#pragma once

#include <cstdint>
#include <span>

#include "imaging/base/geometry.h"
#include "imaging/base/image.h"
#include "imaging/slide/slide_reader.h"

namespace imaging::detail {

inline constexpr std::int64_t kMaxRegionPixels = std::int64_t{1} << 28;

/// What every reader refuses alike. @throws Error  `invalid_argument` as SlideReader::read_region says.
void check_region(const SlideInfo& info, int level, SizeI size);

/// Lays premultiplied pixels over white.
/// @param argb  0xAARRGGBB in native byte order
/// @param rgb   as many pixels
void over_white(std::span<const std::uint32_t> argb, std::uint8_t* rgb);

}  // namespace imaging::detail
