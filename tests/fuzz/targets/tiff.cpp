#include "imaging/slide/tiff_reader.h"
#include "tests/fuzz/fuzz_support.h"

/// A slide whose tiles are read straight from the file: opened, and some of each level read.
void fuzz::tiff(Bytes bytes) {
  const auto path = as_file("slide.tif", bytes);
  if (!imaging::tiff_recognises(path)) return;
  accept_refusal([&] {
    const auto reader = imaging::open_tiff_slide(path);
    const auto size = reader->info().size_l0();
    for (int level = 0; level < static_cast<int>(reader->info().levels.size()); ++level) {
      accept_refusal([&] { (void)reader->read_region(-5, -5, level, {64, 64}); });
      accept_refusal([&] {
        (void)reader->read_region(size.width / 2 + 1, size.height / 2, level, {64, 64});
      });
    }
  });
}
