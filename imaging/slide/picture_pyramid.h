#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "imaging/base/image.h"
#include "imaging/slide/slide_reader.h"

namespace imaging {

/// Up to this many pixels a picture is held in memory (192 MiB as RGB, a third more for overviews); above, in
/// a temporary file.
inline constexpr std::int64_t kPixelsInMemory = std::int64_t{1} << 26;

/// Fills `band`, as wide as the stored picture, with its next rows.
using ReadBand = std::function<void(Image8& band)>;
/// Called after the last band; may add warnings.
using EndPicture = std::function<void(SlideInfo& info)>;

/// A picture as a slide: levels of exact halves (area averages of 2 x 2 pixels; at an odd edge of those that
/// exist) down to 512 pixels.
///
/// Above `pixels_in_memory` the levels are made at once, tile by tile, in a file of 4 bytes a pixel under
/// $TMPDIR, else /var/tmp. The file has no name, so nothing is left of it even after a crash; that it is made
/// is logged. Memory is then a band of 256 rows. Both ways give the same pixels.
///
/// @param info         all but the levels
/// @param stored       size before the orientation
/// @param orientation  1 to 8, as TIFF and EXIF count them
/// @param read_band    called until `stored.height` rows are read
/// @throws Error  `resource_exhausted` where the disk lacks room; `io_error`; what the calls throw.
[[nodiscard]] std::unique_ptr<SlideReader> make_picture_reader(SlideInfo info, SizeI stored, int orientation,
                                                               const ReadBand& read_band,
                                                               const EndPicture& end,
                                                               std::int64_t pixels_in_memory);

}  // namespace imaging
