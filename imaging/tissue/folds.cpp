#include "imaging/tissue/folds.h"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "imaging/tissue/detail/glass.h"

namespace imaging {
namespace {

constexpr double kMostWidthUm = 300;
constexpr double kLeastElongation = 3;   // length over width
constexpr double kLeastAreaUm2 = 20000;  // 0.02 mm²
constexpr float kLeastHue =
    0.75F;  // times the tissue's median of green over red density: lymphocytes are below
constexpr float kMostBlue = 0.95F;  // blue over green density: blood is above
constexpr float kStained = 0.05F;   // OD below which a hue means nothing

float percentile(std::vector<float>& values, double share) {
  const auto at =
      values.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

}  // namespace

Image8 find_folds(const Image8& overview, const Image8& tissue, PointD pixel_um, double times) {
  Image8 folds(overview.width(), overview.height(), 1);
  const detail::GlassDensity density(overview);
  std::vector<float> densities;
  std::vector<float> hues;
  for (std::int64_t y = 0; y < overview.height(); ++y) {
    for (std::int64_t x = 0; x < overview.width(); ++x) {
      if (*tissue.pixel(x, y) == 0) continue;
      const auto [red, green, blue] = density(overview.pixel(x, y));
      densities.push_back((red + green + blue) / 3);
      if (green > kStained) hues.push_back(green / std::max(red, 0.01F));
    }
  }
  if (hues.empty()) return folds;
  const auto least = static_cast<float>(times) * percentile(densities, 0.95);
  const float least_hue = kLeastHue * percentile(hues, 0.5);

  const cv::Size size(static_cast<int>(overview.width()), static_cast<int>(overview.height()));
  cv::Mat dark(size, CV_8UC1, folds.data());
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      if (*tissue.pixel(x, y) == 0) continue;
      const auto [red, green, blue] = density(overview.pixel(x, y));
      const bool is_fold =
          (red + green + blue) / 3 >= least && green >= least_hue * red && blue <= kMostBlue * green;
      dark.at<std::uint8_t>(y, x) = is_fold ? 255 : 0;
    }
  }
  const auto step = cv::getStructuringElement(cv::MORPH_RECT, {3, 3});
  cv::morphologyEx(dark, dark, cv::MORPH_CLOSE, step);
  cv::Mat depth;  // pixels to the edge
  cv::distanceTransform(dark, depth, cv::DIST_L2, 5);
  cv::Mat labels;
  cv::Mat stats;
  cv::Mat centres;
  const int count = cv::connectedComponentsWithStats(dark, labels, stats, centres, 8, CV_32S);
  std::vector<float> deepest(static_cast<std::size_t>(count), 0);
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      auto& most = deepest[static_cast<std::size_t>(labels.at<int>(y, x))];
      most = std::max(most, depth.at<float>(y, x));
    }
  }
  const double side_um = std::sqrt(pixel_um.x * pixel_um.y);
  std::vector<std::uint8_t> keeps(static_cast<std::size_t>(count), 0);
  for (int i = 1; i < count; ++i) {
    const double area = stats.at<int>(i, cv::CC_STAT_AREA);
    const double width = 2 * static_cast<double>(deepest[static_cast<std::size_t>(i)]);
    const bool is_ridge = area * side_um * side_um >= kLeastAreaUm2 && width * side_um <= kMostWidthUm &&
                          area >= kLeastElongation * width * width;
    keeps[static_cast<std::size_t>(i)] = is_ridge ? 255 : 0;
  }
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x)
      dark.at<std::uint8_t>(y, x) = keeps[static_cast<std::size_t>(labels.at<int>(y, x))];
  }
  cv::dilate(dark, dark, step);  // its flanks
  return folds;
}

}  // namespace imaging
