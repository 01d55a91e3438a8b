#include "imaging/fundus/illumination.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "imaging/base/error.h"
#include "imaging/fundus/detail/mat_view.h"

namespace imaging {
namespace {

using detail::view_of;

constexpr int kSmallSide = 256;  // the light is smooth: a small picture holds it
constexpr int kRounds = 4;

/// Gaussian mean of the values under `weight` (CV_32F, 0 or 1).
cv::Mat blur_within(const cv::Mat& values, const cv::Mat& weight, double sigma) {
  cv::Mat sum = values.mul(weight);
  cv::Mat weights;
  cv::GaussianBlur(sum, sum, {}, sigma, sigma, cv::BORDER_CONSTANT);
  cv::GaussianBlur(weight, weights, {}, sigma, sigma, cv::BORDER_CONSTANT);
  return sum / cv::max(weights, 1e-6);
}

void check(const Image8& picture, const Image8& mask) {
  const bool fits = picture.channels() == 3 && mask.channels() == 1 && picture.width() == mask.width() &&
                    picture.height() == mask.height();
  if (!fits) {
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format(
            "A picture of {} x {} x {} and a mask of {} x {} x {} do not fit; give RGB and one channel.",
            picture.width(), picture.height(), picture.channels(), mask.width(), mask.height(),
            mask.channels()));
  }
}

}  // namespace

Image8 correct_illumination(const Image8& picture, const Image8& mask, const IlluminationOptions& options) {
  check_options(options);
  check(picture, mask);
  const auto full = view_of(picture);
  cv::Mat inside = view_of(mask) > 127;
  if (cv::countNonZero(inside) == 0) {
    throw Error(ErrorCode::insufficient_data,
                "The mask of the field of view is empty; nothing is to be corrected.");
  }
  // Shrunk with its mask: darkness outside must not leak into the edge.
  const double scale = std::min(1.0, static_cast<double>(kSmallSide) / std::max(full.rows, full.cols));
  cv::Mat weight;
  inside.convertTo(weight, CV_32F, 1.0 / 255);
  cv::Mat weighted;
  full.convertTo(weighted, CV_32FC3);
  weighted.setTo(cv::Scalar::all(0), inside == 0);
  const cv::Size size(std::max(1, cvRound(full.cols * scale)), std::max(1, cvRound(full.rows * scale)));
  cv::resize(weighted, weighted, size, 0, 0, cv::INTER_AREA);
  cv::resize(weight, weight, size, 0, 0, cv::INTER_AREA);
  const cv::Mat field = weight > 0.5;
  const double sigma = options.width * std::sqrt(cv::countNonZero(inside) / std::numbers::pi) * scale;

  std::array<cv::Mat, 3> channels;
  cv::split(weighted, channels.data());
  for (auto& channel : channels) channel /= cv::max(weight, 1e-6);
  cv::Mat background;
  field.convertTo(background, CV_32F, 1.0 / 255);
  std::array<cv::Mat, 3> gains;
  for (auto& gain : gains) gain = cv::Mat::ones(size, CV_32F);
  for (int round = 0; round < kRounds;
       ++round) {  // what the mean's width leaves, above all at the rim, comes next
    for (std::size_t c = 0; c < 3; ++c) {
      const cv::Mat light = blur_within(channels[c], background, sigma);
      const cv::Mat gain = cv::mean(light, field)[0] / cv::max(light, 1.0);
      gains[c] = gains[c].mul(gain);
      channels[c] = channels[c].mul(gain);
    }
    const double level = cv::mean(channels[1], background > 0)[0];
    const cv::Mat difference = cv::abs(channels[1] / std::max(level, 1.0) - 1);
    const cv::Mat keeps = (difference < options.outlier) & field;
    if (cv::countNonZero(keeps) * 4 < cv::countNonZero(field)) continue;
    keeps.convertTo(background, CV_32F, 1.0 / 255);
  }
  for (auto& gain : gains) {
    gain = cv::min(cv::max(gain, 1 / options.most_gain), options.most_gain);
    cv::resize(gain, gain, full.size(), 0, 0, cv::INTER_LINEAR);
  }
  Image8 result(picture.width(), picture.height(), 3);
  for (int y = 0; y < full.rows; ++y) {
    const auto* from = full.ptr<std::uint8_t>(y);
    auto* to = result.row(y);
    for (int x = 0; x < full.cols; ++x) {
      if (inside.at<std::uint8_t>(y, x) == 0) continue;
      for (int c = 0; c < 3; ++c) {
        const float value =
            static_cast<float>(from[3 * x + c]) * gains[static_cast<std::size_t>(c)].at<float>(y, x);
        to[3 * x + c] = static_cast<std::uint8_t>(std::min(255.0F, value + 0.5F));
      }
    }
  }
  return result;
}

}  // namespace imaging
