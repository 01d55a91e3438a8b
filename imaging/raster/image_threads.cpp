#include "imaging/raster/image_threads.h"

#include <opencv2/core.hpp>

namespace imaging {

void set_image_threads(int threads) {
  cv::setNumThreads(threads);
}

}  // namespace imaging
