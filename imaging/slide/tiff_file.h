#pragma once

#include <filesystem>
#include <memory>
#include <string>

struct tiff;  // libtiff's TIFF, whose header stays in .cpp files

namespace imaging {

using TiffFile = std::unique_ptr<tiff, void (*)(tiff*)>;

/// Null where the file cannot be opened. libtiff prints nothing from here on; see last_tiff_message.
[[nodiscard]] TiffFile open_tiff(const std::filesystem::path& path, const char* mode);

/// What libtiff last complained of on this thread since open_tiff.
[[nodiscard]] std::string last_tiff_message();

/// Whether the first image is in tiles; false where the file cannot be opened.
[[nodiscard]] bool is_tiled_tiff(const std::filesystem::path& path);

/// Bits of a sample of the first image; 0 where the file cannot be opened.
[[nodiscard]] int tiff_sample_bits(const std::filesystem::path& path);

}  // namespace imaging
