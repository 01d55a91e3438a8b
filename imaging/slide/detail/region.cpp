#include "imaging/slide/detail/region.h"

#include <fmt/format.h>

#include <algorithm>

#include "imaging/base/error.h"

namespace imaging::detail {

void check_region(const SlideInfo& info, int level, SizeI size) {
  if (level < 0 || level >= static_cast<int>(info.levels.size())) {
    throw Error(ErrorCode::invalid_argument, fmt::format("{}: level {} asked for, the slide has 0 to {}.",
                                                         info.path.string(), level, info.levels.size() - 1));
  }
  if (size.width <= 0 || size.height <= 0 || size.width > kMaxRegionPixels / size.height) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{}: a region of {} x {} pixels asked for, 1 to {} may be.", info.path.string(),
                            size.width, size.height, kMaxRegionPixels));
  }
}

void over_white(std::span<const std::uint32_t> argb, std::uint8_t* rgb) {
  for (const auto pixel : argb) {
    const std::uint32_t glass = 255 - (pixel >> 24);
    *rgb++ = static_cast<std::uint8_t>(std::min<std::uint32_t>(255, ((pixel >> 16) & 255) + glass));
    *rgb++ = static_cast<std::uint8_t>(std::min<std::uint32_t>(255, ((pixel >> 8) & 255) + glass));
    *rgb++ = static_cast<std::uint8_t>(std::min<std::uint32_t>(255, (pixel & 255) + glass));
  }
}

}  // namespace imaging::detail
