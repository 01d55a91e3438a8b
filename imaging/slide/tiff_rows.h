#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

#include "imaging/slide/row_decoder.h"
#include "imaging/slide/tiff_file.h"

namespace imaging {

/// Where the picture of a TIFF lies among its images.
struct TiffPage {
  int index = 0;  ///< the first image that is neither marked as reduced nor as a mask, else the first
  int count = 1;  ///< images in the file; at most kMaxTiffPages are counted
};
inline constexpr int kMaxTiffPages = 4096;

/// Walks the images and leaves `file` at the picture.
/// @throws Error  `corrupt_data` where the chain of images breaks off or runs in a circle.
TiffPage first_full_page(tiff* file);

/// As open_tiff_rows, of the image of this number; absent: of the one that open_tiff_rows takes.
[[nodiscard]] std::unique_ptr<RowDecoder> open_tiff_page(const std::filesystem::path& path,
                                                         std::optional<int> page,
                                                         std::int64_t pixels_in_memory);

}  // namespace imaging
