#pragma once

#include <cstdint>
#include <filesystem>

#include "imaging/base/image.h"

namespace imaging {

/// A whole number per pixel, one channel: of a class or of an object; 0 is background.
using LabelImage = Image<std::uint16_t>;

/// Reads a mask with the numbers that its file stores: a grey PNG of 1 to 16 bits, the indices of a palette
/// PNG (its colours are not looked at), a grey TIFF of 8 or 16 bits, a grey JPEG; also pictures of three
/// channels that are equal everywhere. Transparency is not looked at.
///
/// @return        H x W x 1
/// @throws Error  `not_found`; `unsupported_format` on colours and on kinds of files that hold no mask;
///                `corrupt_data`; `resource_exhausted` above kPixelsInMemory pixels.
/// @par Threads   Reentrant.
[[nodiscard]] LabelImage read_label_image(const std::filesystem::path& path);

}  // namespace imaging
