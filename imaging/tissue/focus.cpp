#include "imaging/tissue/focus.h"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "imaging/base/error.h"
#include "imaging/slide/area_resample.h"
#include "imaging/tissue/detail/growth.h"

namespace imaging {
namespace {

constexpr double kFocusMpp = 2.0;         // µm/px at which gradients are measured
constexpr double kFineUm = 2.0;           // s1
constexpr double kCoarseUm = 4.0;         // s2
constexpr double kWindowUm = 200.0;       // over which energies are summed
constexpr double kBlockUm = 2048.0;       // read at once
constexpr double kLeastGradient = 0.001;  // of full scale per µm, root mean square: below, nothing to tell
constexpr int kGlassSaturation = 8;       // overview pixels below in saturation ...
constexpr int kGlassValue = 200;          // ... and above in value are plain glass
constexpr double kMostBlurUm = 100.0;
constexpr double kDoubtfulShare = 0.6;

/// Squared gradient magnitude of `grey` (0 to 1) after a Gaussian of `sigma` pixels, per squared pixel.
cv::Mat gradient_energy(const cv::Mat& grey, double sigma) {
  cv::Mat smooth;
  cv::GaussianBlur(grey, smooth, {}, sigma, sigma, cv::BORDER_REPLICATE);
  cv::Mat along_x;
  cv::Mat along_y;
  cv::Sobel(smooth, along_x, CV_32F, 1, 0, 1, 0.5, 0, cv::BORDER_REPLICATE);
  cv::Sobel(smooth, along_y, CV_32F, 0, 1, 1, 0.5, 0, cv::BORDER_REPLICATE);
  return along_x.mul(along_x) + along_y.mul(along_y);
}

bool is_plain_glass(const Image8& overview, const cv::Rect& part) {
  for (int y = part.y; y < part.y + part.height; ++y) {
    for (int x = part.x; x < part.x + part.width; ++x) {
      const auto* pixel = overview.pixel(x, y);
      const auto [low, high] = std::minmax({pixel[0], pixel[1], pixel[2]});
      if (high < kGlassValue || 255 * (high - low) > kGlassSaturation * high) return false;
    }
  }
  return true;
}

}  // namespace

ImageF estimate_blur(const SlideReader& reader, const SlideScale& scale, const Image8& overview,
                     const JobContext& job) {
  const auto slide = reader.info().size_l0();
  const cv::Size size(static_cast<int>(overview.width()), static_cast<int>(overview.height()));
  const PointD pixel_l0{static_cast<double>(slide.width) / size.width,
                        static_cast<double>(slide.height) / size.height};
  const PointD pixel_um{pixel_l0.x * scale.mpp_x, pixel_l0.y * scale.mpp_y};
  // Whole pixels of the focus picture per overview pixel, so that sums fall on the overview's own grid.
  const double finest = std::max({kFocusMpp, scale.mpp_x, scale.mpp_y});
  const int per_x = std::max(1, static_cast<int>(std::lround(pixel_um.x / finest)));
  const int per_y = std::max(1, static_cast<int>(std::lround(pixel_um.y / finest)));
  const double mpp = std::sqrt(pixel_um.x / per_x * pixel_um.y / per_y);
  const cv::Size block(std::max(1, static_cast<int>(kBlockUm / pixel_um.x)),
                       std::max(1, static_cast<int>(kBlockUm / pixel_um.y)));
  const int margin =
      std::max(1, static_cast<int>(std::ceil(3 * kCoarseUm / std::min(pixel_um.x, pixel_um.y))));

  cv::Mat fine = cv::Mat::zeros(size, CV_32F);
  cv::Mat coarse = cv::Mat::zeros(size, CV_32F);
  for (int y = 0; y < size.height; y += block.height) {
    job.checkpoint("tissue", y, size.height);
    for (int x = 0; x < size.width; x += block.width) {
      if (job.stop_token().stop_requested()) throw Cancelled{};
      const cv::Rect frame({}, size);
      const cv::Rect core = cv::Rect({x, y}, block) & frame;
      if (is_plain_glass(overview, core)) continue;
      const cv::Rect wide =
          cv::Rect(core.x - margin, core.y - margin, core.width + 2 * margin, core.height + 2 * margin) &
          frame;
      Image8 pixels;
      try {
        pixels = read_area(
            reader,
            {wide.x * pixel_l0.x, wide.y * pixel_l0.y, wide.width * pixel_l0.x, wide.height * pixel_l0.y},
            {wide.width * per_x, wide.height * per_y});
      } catch (const Error& error) {
        if (error.code() != ErrorCode::corrupt_data) throw;
        continue;  // the tiles themselves are retried and ledgered when they are read
      }
      const cv::Mat rgb(static_cast<int>(pixels.height()), static_cast<int>(pixels.width()), CV_8UC3,
                        pixels.data());
      cv::Mat grey;
      cv::cvtColor(rgb, grey, cv::COLOR_RGB2GRAY);
      grey.convertTo(grey, CV_32F, 1.0 / 255);
      const cv::Rect inner(core.x - wide.x, core.y - wide.y, core.width, core.height);
      const auto store = [&](double sigma_um, cv::Mat& energies) {
        cv::Mat summed;
        cv::resize(gradient_energy(grey, sigma_um / mpp), summed, wide.size(), 0, 0, cv::INTER_AREA);
        summed(inner).copyTo(energies(core));
      };
      store(kFineUm, fine);
      store(kCoarseUm, coarse);
    }
  }
  const cv::Size window(2 * static_cast<int>(kWindowUm / 2 / pixel_um.x) + 1,
                        2 * static_cast<int>(kWindowUm / 2 / pixel_um.y) + 1);
  cv::boxFilter(fine, fine, CV_32F, window, {-1, -1}, true, cv::BORDER_REFLECT);
  cv::boxFilter(coarse, coarse, CV_32F, window, {-1, -1}, true, cv::BORDER_REFLECT);

  ImageF blur(size.width, size.height, 1);
  const double least = std::pow(kLeastGradient * mpp, 2);
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      const auto energy = static_cast<double>(coarse.at<float>(y, x));
      if (energy < least) continue;
      const double ratio = static_cast<double>(fine.at<float>(y, x)) / energy;
      const double variance = ratio <= 1 ? kMostBlurUm * kMostBlurUm
                                         : (kCoarseUm * kCoarseUm - ratio * kFineUm * kFineUm) / (ratio - 1);
      *blur.pixel(x, y) = static_cast<float>(std::sqrt(std::clamp(variance, 0.0, kMostBlurUm * kMostBlurUm)));
    }
  }
  return blur;
}

Image8 find_blurred(const ImageF& blur, PointD pixel_um, double most_um) {
  Image8 blurred(blur.width(), blur.height(), 1);
  Image8 doubtful(blur.width(), blur.height(), 1);
  for (std::size_t i = 0; i < blur.values().size(); ++i) {
    const auto value = static_cast<double>(blur.values()[i]);
    blurred.values()[i] = value > most_um ? 255 : 0;
    doubtful.values()[i] = value > kDoubtfulShare * most_um ? 255 : 0;
  }
  detail::grow(blurred, doubtful, pixel_um, kWindowUm / 2);
  return blurred;
}

}  // namespace imaging
