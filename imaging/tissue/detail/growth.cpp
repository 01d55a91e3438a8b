#include "imaging/tissue/detail/growth.h"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

namespace imaging::detail {

void grow(Image8& seeds, const Image8& into, PointD pixel_um, double reach_um) {
  const cv::Size size(static_cast<int>(seeds.width()), static_cast<int>(seeds.height()));
  cv::Mat grown(size, CV_8UC1, seeds.data());
  const cv::Mat allowed(size, CV_8UC1, const_cast<std::uint8_t*>(into.data()));  // only read
  const auto step = cv::getStructuringElement(cv::MORPH_RECT, {3, 3});
  const auto steps = std::max(1, static_cast<int>(std::lround(reach_um / std::max(pixel_um.x, pixel_um.y))));
  cv::Mat wider;
  for (int i = 0; i < steps; ++i) {
    cv::dilate(grown, wider, step);
    cv::bitwise_and(wider, allowed, wider);
    cv::bitwise_or(grown, wider, grown);
  }
}

}  // namespace imaging::detail
