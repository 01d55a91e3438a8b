#pragma once

#include "imaging/base/image.h"

namespace cv {
class Mat;
}

namespace imaging::detail {

/// The image's own pixels as OpenCV sees them, 8 bits a channel; writing through the view of an image that is
/// const is a mistake.
[[nodiscard]] cv::Mat view_of(const Image8& image);

}  // namespace imaging::detail
