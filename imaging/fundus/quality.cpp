#include "imaging/fundus/quality.h"

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

constexpr int kDiameter = 512;         // of the disc that is measured
constexpr double kInner = 0.93;        // of the radius: without the rim
constexpr double kFullWhite = 250;     // grey level
constexpr double kLit = 0.3;           // of the bright parts' light
constexpr double kVesselShare = 0.08;  // of the field: where the focus is measured

/// The box of the field, its disc 512 pixels wide.
struct Standard {
  cv::Mat picture;  ///< 8-bit, 1 or 3 channels
  cv::Mat inner;    ///< 255 in the disc, without its rim
};

Standard standardise(const Image8& photograph, const FieldOfView& field) {
  const cv::Rect box(static_cast<int>(field.box.x), static_cast<int>(field.box.y),
                     static_cast<int>(field.box.width), static_cast<int>(field.box.height));
  const double scale = kDiameter / (2 * field.radius);
  Standard standard;
  const cv::Size size(std::max(1, cvRound(box.width * scale)), std::max(1, cvRound(box.height * scale)));
  cv::resize(view_of(photograph)(box), standard.picture, size, 0, 0,
             scale < 1 ? cv::INTER_AREA : cv::INTER_LINEAR);
  standard.inner = cv::Mat::zeros(size, CV_8U);
  const cv::Point centre(cvRound((field.centre.x - box.x) * scale),
                         cvRound((field.centre.y - box.y) * scale));
  cv::circle(standard.inner, centre, static_cast<int>(kInner * kDiameter / 2), cv::Scalar(255), cv::FILLED);
  return standard;
}

/// Gaussian mean of what lies within the mask.
cv::Mat blur_within(const cv::Mat& values, const cv::Mat& mask, double sigma) {
  cv::Mat weight;
  mask.convertTo(weight, CV_32F, 1.0 / 255);
  cv::Mat sum = values.mul(weight);
  cv::GaussianBlur(sum, sum, {}, sigma);
  cv::GaussianBlur(weight, weight, {}, sigma);
  return sum / cv::max(weight, 1e-4);
}

std::vector<float> values_in(const cv::Mat& values, const cv::Mat& mask) {
  std::vector<float> chosen;
  for (int y = 0; y < values.rows; ++y) {
    for (int x = 0; x < values.cols; ++x) {
      if (mask.at<std::uint8_t>(y, x) != 0) chosen.push_back(values.at<float>(y, x));
    }
  }
  return chosen;
}

/// The value below which `share` of them lie; 0 where there are none.
double quantile(std::vector<float> values, double share) {
  if (values.empty()) return 0;
  const auto place =
      values.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), place, values.end());
  return *place;
}

double mean_size(const cv::Mat& values, const cv::Mat& mask) {
  cv::Mat size = cv::abs(values);
  return cv::mean(size, mask)[0];
}

FundusMeasures measure(const Image8& photograph, const FieldOfView& field) {
  const auto standard = standardise(photograph, field);
  cv::Mat grey;
  cv::Mat green;
  if (standard.picture.channels() == 1) {
    grey = standard.picture;
    green = standard.picture;
  } else {
    cv::cvtColor(standard.picture, grey, cv::COLOR_RGB2GRAY);
    cv::extractChannel(standard.picture, green, 1);
  }
  FundusMeasures measures;
  measures.exposure = cv::mean(grey, standard.inner)[0] / 255;
  const double area = std::max(1, cv::countNonZero(standard.inner));
  measures.clipped = cv::countNonZero((green >= kFullWhite) & standard.inner) / area;
  green.convertTo(green, CV_32F);
  const auto light = blur_within(green, standard.inner, kDiameter / 16.0);
  const auto lights = values_in(light, standard.inner);
  const double bright = quantile(lights, 0.9);
  measures.evenness = bright > 0 ? quantile(lights, 0.1) / bright : 0;

  cv::Mat fine;
  cv::GaussianBlur(green, fine, {}, 1.0);
  cv::Mat closed;
  cv::morphologyEx(fine, closed, cv::MORPH_CLOSE, cv::getStructuringElement(cv::MORPH_ELLIPSE, {13, 13}));
  // Two grey levels of the sensor's noise are no vessel.
  const cv::Mat depth = cv::max(closed - fine - 2, 0.0) / (light + 4);
  cv::Mat well_inside;
  cv::erode(standard.inner, well_inside, cv::getStructuringElement(cv::MORPH_ELLIPSE, {15, 15}));
  measures.vessel_contrast = quantile(values_in(depth, well_inside), 0.97);

  const double deep = quantile(values_in(depth, well_inside), 1 - kVesselShare);
  cv::Mat at_vessels = (depth > std::max(deep, 1e-4)) & well_inside;
  cv::dilate(at_vessels, at_vessels, cv::getStructuringElement(cv::MORPH_ELLIPSE, {5, 5}));
  if (cv::countNonZero(at_vessels) > 100) {
    cv::Mat middle;
    cv::Mat coarse;
    cv::Mat coarsest;
    cv::GaussianBlur(green, middle, {}, 2.0);
    cv::GaussianBlur(green, coarse, {}, 4.0);
    cv::GaussianBlur(green, coarsest, {}, 8.0);
    measures.focus =
        mean_size(fine - middle, at_vessels) / std::max(0.5, mean_size(coarse - coarsest, at_vessels));
  }

  double lit = 0;
  for (const float value : lights) lit += static_cast<double>(value) > kLit * bright ? 1 : 0;
  const SizeI frame{photograph.width(), photograph.height()};
  measures.seen = seen_share(field, frame) * lit / std::max<double>(1, static_cast<double>(lights.size()));
  measures.offset = std::hypot(field.centre.x - static_cast<double>(frame.width) / 2,
                               field.centre.y - static_cast<double>(frame.height) / 2) /
                    field.radius;
  measures.diameter_px = 2 * field.radius;
  return measures;
}

double ramp(double value, double zero, double full) {
  return std::clamp((value - zero) / (full - zero), 0.0, 1.0);
}

/// Two options of which the first must be below the second.
struct Order {
  std::string_view low_name;
  double low;
  std::string_view high_name;
  double high;
};

}  // namespace

void check_options(const FundusQualityOptions& options) {
  check_options<FundusQualityOptions>(options);
  const std::array orders{
      Order{"exposure_zero", options.exposure_zero, "exposure_full", options.exposure_full},
      Order{"clipped_full", options.clipped_full, "clipped_zero", options.clipped_zero},
      Order{"evenness_zero", options.evenness_zero, "evenness_full", options.evenness_full},
      Order{"focus_zero", options.focus_zero, "focus_full", options.focus_full},
      Order{"vessel_contrast_zero", options.vessel_contrast_zero, "vessel_contrast_full",
            options.vessel_contrast_full},
      Order{"seen_zero", options.seen_zero, "seen_full", options.seen_full},
      Order{"offset_full", options.offset_full, "offset_zero", options.offset_zero},
      Order{"diameter_zero_px", options.diameter_zero_px, "diameter_full_px", options.diameter_full_px}};
  for (const auto& order : orders) {
    if (order.low < order.high) continue;
    throw Error(ErrorCode::invalid_argument,
                fmt::format("Option {} is {} and {} is {}; the first must be below the second.",
                            order.low_name, order.low, order.high_name, order.high));
  }
  if (options.ungradable_below > options.poor_below) {
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("Option ungradable_below is {} and poor_below is {}; the first must not be above the "
                    "second.",
                    options.ungradable_below, options.poor_below));
  }
}

FundusQuality assess_quality(const Image8& photograph, const FieldOfView& field,
                             const FundusQualityOptions& options) {
  check_options(options);
  FundusQuality quality;
  quality.measures = measure(photograph, field);
  const auto& found = quality.measures;
  struct Judgement {
    double score;
    double* component;
    std::string reason;
  };
  std::vector<Judgement> judgements{
      {ramp(found.exposure, options.exposure_zero, options.exposure_full), &quality.illumination,
       fmt::format("too dark (mean grey level {:.0f} of 255)", 255 * found.exposure)},
      {ramp(found.clipped, options.clipped_zero, options.clipped_full), &quality.illumination,
       fmt::format("over-exposed ({:.0f} % of the field is white)", 100 * found.clipped)},
      {ramp(found.evenness, options.evenness_zero, options.evenness_full), &quality.illumination,
       fmt::format("unevenly lit (dark parts have {:.0f} % of the light of bright ones)",
                   100 * found.evenness)},
      {ramp(found.focus, options.focus_zero, options.focus_full), &quality.sharpness,
       fmt::format("out of focus (fine detail {:.2f} of coarse)", found.focus)},
      {ramp(found.vessel_contrast, options.vessel_contrast_zero, options.vessel_contrast_full),
       &quality.sharpness,
       fmt::format("vessels hardly stand out (contrast {:.1f} %)", 100 * found.vessel_contrast)},
      {ramp(found.diameter_px, options.diameter_zero_px, options.diameter_full_px), &quality.sharpness,
       fmt::format("too coarse (the field is {:.0f} pixels wide)", found.diameter_px)},
      {ramp(found.seen, options.seen_zero, options.seen_full), &quality.coverage,
       fmt::format("only {:.0f} % of the field is seen", 100 * found.seen)},
      {ramp(found.offset, options.offset_zero, options.offset_full), &quality.coverage,
       fmt::format("off centre by {:.2f} radii", found.offset)}};
  quality.illumination = quality.sharpness = quality.coverage = 1;
  for (const auto& judgement : judgements)
    *judgement.component = std::min(*judgement.component, judgement.score);
  quality.score = std::cbrt(quality.illumination * quality.sharpness * quality.coverage);
  const double worst = std::min({quality.illumination, quality.sharpness, quality.coverage});
  quality.verdict = worst < options.ungradable_below ? "ungradable"
                    : worst < options.poor_below     ? "poor"
                                                     : "gradable";
  std::ranges::stable_sort(judgements, {}, &Judgement::score);
  for (auto& judgement : judgements) {
    if (judgement.score < options.poor_below) quality.reasons.push_back(std::move(judgement.reason));
  }
  return quality;
}

}  // namespace imaging
