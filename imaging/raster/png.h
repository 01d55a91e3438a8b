#pragma once

#include <filesystem>
#include <string>

#include "imaging/base/geometry.h"
#include "imaging/base/image.h"

namespace imaging {

/// PNG of a 1-, 3- (RGB) or 4-channel (RGBA) image; the same bytes for the same pixels. @throws Error
/// `invalid_argument`.
[[nodiscard]] std::string encode_png(const Image8& image);
/// JPEG of an RGB image. @param quality 1 to 100
[[nodiscard]] std::string encode_jpeg(const Image8& image, int quality);
void write_png(const std::filesystem::path& path, const Image8& image);
/// Decodes a whole PNG or JPEG in memory to RGB8. @throws Error `corrupt_data`.
[[nodiscard]] Image8 decode_image(const std::string& bytes);

/// Bilinear (enlarging) or area (shrinking) resize. @param image any channel count
[[nodiscard]] Image8 resize(const Image8& image, SizeI size);

}  // namespace imaging
