#include <vector>

#include "imaging/raster/label_image.h"
#include "imaging/slide/flat_reader.h"
#include "imaging/slide/rgb_rows.h"
#include "imaging/slide/row_decoder.h"
#include "tests/fuzz/fuzz_support.h"

namespace {

constexpr std::int64_t kMostPixels = 1 << 20;  // what a search can decode a few hundred times a second

}  // namespace

/// PNG, JPEG or TIFF, as a flat image and as a mask; what is larger than a search can wait for is left after
/// its header.
void fuzz::picture(Bytes bytes) {
  const auto path = as_file("picture", bytes);
  if (!imaging::flat_recognises(path)) return;
  bool is_large = true;
  accept_refusal([&] {
    const auto open = bytes[0] == 0x89   ? &imaging::open_png_rows
                      : bytes[0] == 0xff ? &imaging::open_jpeg_rows
                                         : &imaging::open_tiff_rows;
    const auto size = open(path, kMostPixels)->format().size;
    is_large = size.width * size.height > kMostPixels;
    if (is_large) return;
    const auto reader = imaging::open_flat_image(path, kMostPixels);
    (void)reader->read_region(-3, -3, 0, {32, 32});
  });
  if (!is_large) accept_refusal([&] { (void)imaging::read_label_image(path); });
}
