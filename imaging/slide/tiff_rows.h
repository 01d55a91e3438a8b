#pragma once

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

}  // namespace imaging
