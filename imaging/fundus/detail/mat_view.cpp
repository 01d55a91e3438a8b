#include "imaging/fundus/detail/mat_view.h"

#include <opencv2/core.hpp>

namespace imaging::detail {

cv::Mat view_of(const Image8& image) {
  return {static_cast<int>(image.height()), static_cast<int>(image.width()), CV_8UC(image.channels()),
          const_cast<std::uint8_t*>(image.data())};
}

}  // namespace imaging::detail
