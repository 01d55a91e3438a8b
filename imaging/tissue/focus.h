#pragma once

#include "imaging/base/geometry.h"
#include "imaging/base/image.h"
#include "imaging/base/job.h"
#include "imaging/slide/slide_reader.h"

namespace imaging {

/// How blurred a slide is from place to place: standard deviation of the Gaussian blur within about 0.2 mm.
struct BlurMap {
  ImageF um;  ///< h x w x 1, µm; 0 where there is too little tissue or contrast to tell; empty where not
              ///< measured
  PointD pixel_um;        ///< size of its pixels
  SizeI overview_pixels;  ///< of the overview, along each of its pixels; those at the right and bottom may
                          ///< reach out
};

/// Gradient energies E1 and E2 are measured at 2 µm/px (at level 0 where that is coarser) after smoothing by
/// s1 and s2. Texture whose power falls with the square of its frequency, as tissue's does, has E1 / E2 =
/// (s^2 + s2^2) / (s^2 + s1^2) when blurred by s, whatever its contrast, so pale tissue is not taken for
/// blurred; noise makes the picture seem sharper, never more blurred, and the edges of tissue towards glass
/// do not count. On blurred real tissue the estimate is 70 to 100 % of the truth from 4 µm upwards.
///
/// @param overview  the whole slide, H x W x 3; what is plain glass in it is not read
/// @param job       told "tissue" with the rows of blocks read
/// @throws Error    as read_area; a block that does not read counts as sharp. Cancelled.
/// @par Threads     Reads and measures on those of OpenCV (set_image_threads); the result is the same for
/// any.
[[nodiscard]] BlurMap estimate_blur(const SlideReader& reader, const SlideScale& scale,
                                    const Image8& overview, const JobContext& job);

/// What is out of focus: where `blur` exceeds `most_um`, and around it, no further than 0.1 mm, where it
/// exceeds 0.6 of that, since sharp tissue beside it makes its edge seem sharper.
///
/// @param blur  BlurMap::um
/// @return      H x W x 1, 255 out of focus, 0 not
[[nodiscard]] Image8 find_blurred(const ImageF& blur, PointD pixel_um, double most_um);

}  // namespace imaging
