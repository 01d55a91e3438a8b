#include "imaging/tissue/folds.h"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "imaging/tissue/detail/glass.h"
#include "imaging/tissue/detail/regions.h"

namespace imaging {
namespace {

constexpr double kMostWidthUm = 300;
constexpr double kLeastElongation = 3;  // length over width
constexpr double kLeastAreaUm2 = 8000;
constexpr float kLeastHue =
    0.75F;  // times the tissue's median of green over red density: lymphocytes are below
constexpr float kMostBlue = 0.95F;  // blue over green density: blood is above
constexpr float kStained = 0.05F;   // OD below which a hue means nothing

/// Counts values from 0 on in steps of a thousandth; what is above counts as the last step.
class FineHistogram {
 public:
  void add(float value) {
    ++counts_[std::min(counts_.size() - 1, static_cast<std::size_t>(value * kSteps + 0.5F))];
    ++total_;
  }
  [[nodiscard]] bool empty() const { return total_ == 0; }
  [[nodiscard]] float percentile(double share) const {
    const auto rank = static_cast<std::int64_t>(share * static_cast<double>(total_ - 1));
    std::size_t step = 0;
    for (auto seen = counts_[0]; seen <= rank; seen += counts_[step]) ++step;
    return static_cast<float>(step) / kSteps;
  }

 private:
  static constexpr float kSteps = 1000;
  std::vector<std::int64_t> counts_ = std::vector<std::int64_t>(16'384, 0);
  std::int64_t total_ = 0;
};

/// Half the greatest width of a region of a picture of `size`, pixels.
double half_width(const detail::Regions& regions, std::int32_t number, cv::Size size) {
  const auto& box = regions.regions()[static_cast<std::size_t>(number)];
  const auto around =
      cv::Rect(cv::Point(box.left - 1, box.top - 1), cv::Point(box.right + 1, box.bottom + 1)) &
      cv::Rect({}, size);
  cv::Mat alone = cv::Mat::zeros(around.size(), CV_8UC1);
  for (const auto& run : regions.runs_of_rows(box.top, box.bottom)) {
    if (run.region == number)
      alone.row(run.y - around.y).colRange(run.begin - around.x, run.end - around.x) = 255;
  }
  cv::Mat depth;  // pixels to the edge
  cv::distanceTransform(alone, depth, cv::DIST_L2, 5);
  double deepest = 0;
  cv::minMaxLoc(depth, nullptr, &deepest);
  return deepest;
}

}  // namespace

Image8 find_folds(const Image8& overview, const Image8& tissue, PointD pixel_um, double times) {
  Image8 folds(overview.width(), overview.height(), 1);
  const detail::GlassDensity density(overview);
  FineHistogram densities;
  FineHistogram hues;
  for (std::int64_t y = 0; y < overview.height(); ++y) {
    for (std::int64_t x = 0; x < overview.width(); ++x) {
      if (*tissue.pixel(x, y) == 0) continue;
      const auto [red, green, blue] = density(overview.pixel(x, y));
      densities.add((red + green + blue) / 3);
      if (green > kStained) hues.add(green / std::max(red, 0.01F));
    }
  }
  if (hues.empty()) return folds;
  const auto least = static_cast<float>(times) * densities.percentile(0.95);
  const float least_hue = kLeastHue * hues.percentile(0.5);

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
  const detail::Regions regions(folds, detail::Neighbours::eight);
  const double side_um = std::sqrt(pixel_um.x * pixel_um.y);
  std::vector<std::uint8_t> keeps(regions.regions().size(), 0);
  for (std::size_t i = 0; i < keeps.size(); ++i) {
    const auto area = static_cast<double>(regions.regions()[i].area);
    if (area * side_um * side_um < kLeastAreaUm2) continue;
    const double width = 2 * half_width(regions, static_cast<std::int32_t>(i), size);
    if (width * side_um <= kMostWidthUm && area >= kLeastElongation * width * width) keeps[i] = 1;
  }
  regions.paint(folds, 0, [&](std::int32_t i) { return keeps[static_cast<std::size_t>(i)] == 0; });
  cv::dilate(dark, dark, step);  // its flanks
  return folds;
}

}  // namespace imaging
