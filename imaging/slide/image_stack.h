#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "imaging/base/geometry.h"
#include "imaging/base/image.h"

namespace imaging {

/// Images of one size in one TIFF: slices, frames of a video, repeated photographs.
struct ImageStack {
  std::filesystem::path path;
  SizeI size;  ///< of every image
  std::vector<int> pages;
};

/// Pages of a TIFF that has at least two images of one size, none of them marked as reduced or as a mask, and
/// none of another size; else no pages: it is one picture with thumbnails, or a pyramid. Looks at the
/// directories alone.
/// @throws Error  `corrupt_data` where the chain of images breaks off
[[nodiscard]] ImageStack find_image_stack(const std::filesystem::path& path);

/// One image of a stack as RGB, by the rules of open_flat_image. Samples of 16 bits are mapped to 8 for every
/// image on its own.
/// @throws Error  as open_flat_image; `resource_exhausted` above kPixelsInMemory
[[nodiscard]] Image8 read_stack_image(const ImageStack& stack, std::size_t number);

/// Writes label maps of one size as a TIFF of as many 8-bit grey images (deflate). Appears at `finish` alone.
/// @par Threads  One thread at a time.
class LabelStackWriter {
 public:
  /// @throws Error  `io_error`
  explicit LabelStackWriter(std::filesystem::path path);
  ~LabelStackWriter();
  LabelStackWriter(const LabelStackWriter&) = delete;
  LabelStackWriter& operator=(const LabelStackWriter&) = delete;

  /// @throws Error `io_error` (full disk)
  void append(const Image8& labels);
  /// @throws Error `io_error`
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace imaging
