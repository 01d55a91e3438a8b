#include "imaging/fundus/field_of_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <optional>

#include "imaging/base/error.h"
#include "imaging/base/random.h"
#include "imaging/fundus/detail/mat_view.h"

namespace imaging {
namespace {

using detail::view_of;

constexpr std::int64_t kLeastSide = 16;  // pixels of a photograph
constexpr std::int64_t kMostAspect = 16;
constexpr int kOpeningSide = 20;       // of the published rule, at half size
constexpr int kFitSide = 512;          // longer side of the picture a circle is fitted in
constexpr int kLeastContrast = 12;     // grey levels between the darkest and the brightest percentile
constexpr double kNearWhite = 235;     // every channel of a white border
constexpr double kMostOutside = 0.06;  // share of the bright pixels outside the disc
constexpr double kLeastSeen = 0.3;     // of the disc
constexpr double kLeastRed = 0.9;      // share of a full frame's pixels
constexpr double kEdgeBand = 0.035;    // of the radius

struct Circle {
  double x = 0;
  double y = 0;
  double radius = 0;
};

cv::Mat grey_of(const cv::Mat& picture) {
  if (picture.channels() == 1) return picture.clone();
  cv::Mat grey;
  cv::cvtColor(picture, grey, cv::COLOR_RGB2GRAY);
  return grey;
}

/// Grey level below which `share` of the pixels lie.
int percentile(const cv::Mat& grey, double share) {
  std::array<std::int64_t, 256> histogram{};
  for (int y = 0; y < grey.rows; ++y) {
    const auto* row = grey.ptr<std::uint8_t>(y);
    for (int x = 0; x < grey.cols; ++x) ++histogram[row[x]];
  }
  const auto wanted = static_cast<std::int64_t>(share * static_cast<double>(grey.total()));
  std::int64_t count = 0;
  for (int level = 0; level < 256; ++level) {
    count += histogram[static_cast<std::size_t>(level)];
    if (count > wanted) return level;
  }
  return 255;
}

/// Sets what is near white and joined to the frame's border to black.
/// @return  true where there was such a border along at least a third of the frame
bool blacken_white_border(const cv::Mat& picture, cv::Mat& grey) {
  cv::Mat is_white;
  if (picture.channels() == 1) {
    cv::threshold(picture, is_white, kNearWhite, 255, cv::THRESH_BINARY);
  } else {
    cv::inRange(picture, cv::Scalar::all(kNearWhite), cv::Scalar::all(255), is_white);
  }
  const int border = 2 * (is_white.rows + is_white.cols);
  const int white = cv::countNonZero(is_white.row(0)) + cv::countNonZero(is_white.row(is_white.rows - 1)) +
                    cv::countNonZero(is_white.col(0)) + cv::countNonZero(is_white.col(is_white.cols - 1));
  if (white * 3 < border) return false;
  cv::dilate(is_white, is_white, cv::getStructuringElement(cv::MORPH_RECT, {3, 3}));  // JPEG's fringe
  cv::Mat labels;
  const int count = cv::connectedComponents(is_white, labels, 8, CV_32S);
  std::vector<std::uint8_t> touches(static_cast<std::size_t>(count), 0);
  for (int x = 0; x < labels.cols; ++x) {
    touches[static_cast<std::size_t>(labels.at<int>(0, x))] = 1;
    touches[static_cast<std::size_t>(labels.at<int>(labels.rows - 1, x))] = 1;
  }
  for (int y = 0; y < labels.rows; ++y) {
    touches[static_cast<std::size_t>(labels.at<int>(y, 0))] = 1;
    touches[static_cast<std::size_t>(labels.at<int>(y, labels.cols - 1))] = 1;
  }
  touches[0] = 0;
  for (int y = 0; y < grey.rows; ++y) {
    for (int x = 0; x < grey.cols; ++x) {
      if (touches[static_cast<std::size_t>(labels.at<int>(y, x))] != 0) grey.at<std::uint8_t>(y, x) = 0;
    }
  }
  return true;
}

/// What is not reached from the two corners through the background becomes part of the mask (0 or 1).
void fill_holes(cv::Mat& mask) {
  cv::Mat background = 1 - mask;
  for (const cv::Point corner : {cv::Point(0, 0), cv::Point(mask.cols - 1, mask.rows - 1)}) {
    if (background.at<std::uint8_t>(corner) != 0) cv::floodFill(background, corner, 0);
  }
  mask += background;
}

/// Mean index of the rows (or columns) whose sum exceeds 95 % of the largest.
double middle_of_long_lines(const cv::Mat& mask, int axis) {
  cv::Mat sums;
  cv::reduce(mask, sums, axis, cv::REDUCE_SUM, CV_32S);
  double largest = 0;
  cv::minMaxLoc(sums, nullptr, &largest);
  double sum = 0;
  double count = 0;
  for (int i = 0; i < static_cast<int>(sums.total()); ++i) {
    if (sums.at<int>(i) > 0.95 * largest) {
      sum += i;
      ++count;
    }
  }
  return count > 0 ? sum / count : 0;
}

/// Largest of the most frequent distances of the mask's edge from the centre; 0 where there is no edge.
double radius_of_edge(const cv::Mat& mask, double row, double column) {
  const int side = std::max(mask.cols / 400 * 2 + 1, 3);
  cv::Mat edge;
  cv::morphologyEx(mask, edge, cv::MORPH_GRADIENT,
                   cv::getStructuringElement(cv::MORPH_ELLIPSE, {side, side}));
  std::vector<int> counts(static_cast<std::size_t>(std::hypot(mask.rows, mask.cols)) + 2, 0);
  for (int y = 0; y < edge.rows; ++y) {
    for (int x = 0; x < edge.cols; ++x) {
      if (edge.at<std::uint8_t>(y, x) != 0) {
        ++counts[static_cast<std::size_t>(std::ceil(std::hypot(y - row, x - column)))];
      }
    }
  }
  const double peak = *std::ranges::max_element(counts);
  if (peak == 0) return 0;
  std::size_t radius = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] > 0.995 * peak) radius = i;
  }
  return static_cast<double>(radius);
}

struct Demands {
  double filled;  ///< bright share of the disc within the frame
  double edge;    ///< share of the disc's rim in the frame at which the mask ends
};
constexpr Demands kWhole{0.86, 0.6};
constexpr Demands kPartlyDark{0.5, 0.4};  ///< a lid or the pupil's edge hides a part

/// Whether the mask (0 or not) is this disc, as far as the frame shows it.
bool is_explained(const cv::Mat& mask, const Circle& circle, const Demands& demands) {
  const double width = mask.cols;
  const double height = mask.rows;
  if (circle.radius < 0.2 * std::min(width, height) || circle.radius > std::hypot(width, height))
    return false;
  double disc = 0;
  double filled = 0;
  double outside = 0;
  double bright = 0;
  for (int y = 0; y < mask.rows; ++y) {
    for (int x = 0; x < mask.cols; ++x) {
      const double distance = std::hypot(x - circle.x, y - circle.y) / circle.radius;
      const bool is_bright = mask.at<std::uint8_t>(y, x) != 0;
      disc += distance <= 1 ? 1 : 0;
      filled += distance <= 1 && is_bright ? 1 : 0;
      bright += is_bright ? 1 : 0;
      outside += distance > 1 + kEdgeBand && is_bright ? 1 : 0;
    }
  }
  if (disc < kLeastSeen * std::numbers::pi * circle.radius * circle.radius) return false;
  if (filled < demands.filled * disc || outside > kMostOutside * bright) return false;
  int seen = 0;
  int edges = 0;
  constexpr int kAngles = 360;
  for (int i = 0; i < kAngles; ++i) {
    const double angle = 2 * std::numbers::pi * i / kAngles;
    const auto is_bright_at = [&](double factor) -> std::optional<bool> {
      const auto x = std::lround(circle.x + factor * circle.radius * std::cos(angle));
      const auto y = std::lround(circle.y + factor * circle.radius * std::sin(angle));
      if (x < 0 || y < 0 || x >= mask.cols || y >= mask.rows) return std::nullopt;
      return mask.at<std::uint8_t>(static_cast<int>(y), static_cast<int>(x)) != 0;
    };
    const auto within = is_bright_at(1 - kEdgeBand - 2 / circle.radius);
    const auto beyond = is_bright_at(1 + kEdgeBand + 2 / circle.radius);
    if (!within || !beyond) continue;
    ++seen;
    edges += *within && !*beyond ? 1 : 0;
  }
  return seen >= kAngles / 10 && edges >= demands.edge * seen;
}

/// The published rule, in pixels of the photograph.
std::optional<Circle> published_circle(const cv::Mat& grey) {
  cv::Mat half;
  cv::resize(grey, half, {}, 0.5, 0.5);
  cv::normalize(half, half, 0, 255, cv::NORM_MINMAX);
  cv::Mat mask;
  cv::threshold(half, mask, std::max(0.0, cv::mean(half)[0] / 3 - 5), 1, cv::THRESH_BINARY);
  fill_holes(mask);
  cv::morphologyEx(mask, mask, cv::MORPH_OPEN, cv::Mat::ones(kOpeningSide, kOpeningSide, CV_8U));
  if (cv::countNonZero(mask) == 0) return std::nullopt;
  const double row = middle_of_long_lines(mask, 1);
  const double column = middle_of_long_lines(mask, 0);
  const double radius = radius_of_edge(mask, row, column);
  if (radius == 0 || !is_explained(mask, {column, row, radius}, kWhole)) return std::nullopt;
  return Circle{2 * column, 2 * row, std::floor(2 * radius)};
}

/// Least squares on x^2 + y^2 + a x + b y + c = 0.
std::optional<Circle> fit_circle(const std::vector<cv::Point2d>& points) {
  if (points.size() < 3) return std::nullopt;
  cv::Matx33d normal = cv::Matx33d::zeros();
  cv::Vec3d right = cv::Vec3d::all(0);
  for (const auto& point : points) {
    const cv::Vec3d row(point.x, point.y, 1);
    normal += row * row.t();
    right -= row * (point.x * point.x + point.y * point.y);
  }
  cv::Vec3d solution;
  if (!cv::solve(normal, right, solution, cv::DECOMP_SVD)) return std::nullopt;
  const double x = -solution[0] / 2;
  const double y = -solution[1] / 2;
  const double square = x * x + y * y - solution[2];
  if (!(square > 0)) return std::nullopt;
  return Circle{x, y, std::sqrt(square)};
}

/// The circle on which most points lie: triples drawn by a fixed seed, then least squares on the consenting.
std::optional<Circle> consensus_circle(const std::vector<cv::Point2d>& points, double most_radius) {
  if (points.size() < 24) return std::nullopt;
  Random random(1);
  const auto band_of = [](const Circle& circle) { return std::max(1.5, 0.01 * circle.radius); };
  const auto consenting = [&](const Circle& circle) {
    std::vector<cv::Point2d> chosen;
    for (const auto& point : points) {
      if (std::abs(std::hypot(point.x - circle.x, point.y - circle.y) - circle.radius) <= band_of(circle))
        chosen.push_back(point);
    }
    return chosen;
  };
  std::vector<cv::Point2d> best;
  for (int round = 0; round < 300; ++round) {
    const auto draw = [&] { return points[static_cast<std::size_t>(random.index(std::ssize(points)))]; };
    const auto circle = fit_circle({draw(), draw(), draw()});
    if (!circle || circle->radius > most_radius) continue;
    auto chosen = consenting(*circle);
    if (chosen.size() > best.size()) best = std::move(chosen);
  }
  auto circle = fit_circle(best);
  if (circle) circle = fit_circle(consenting(*circle));
  return circle;
}

/// The largest piece of what is brighter than `threshold`, smoothed, holes filled.
cv::Mat largest_piece(const cv::Mat& grey, double threshold) {
  cv::Mat mask;
  cv::threshold(grey, mask, threshold, 1, cv::THRESH_BINARY);
  cv::morphologyEx(mask, mask, cv::MORPH_OPEN, cv::getStructuringElement(cv::MORPH_ELLIPSE, {9, 9}));
  cv::Mat labels;
  cv::Mat stats;
  cv::Mat centres;
  const int count = cv::connectedComponentsWithStats(mask, labels, stats, centres, 8, CV_32S);
  int largest = 0;
  for (int i = 1; i < count; ++i) {
    if (largest == 0 || stats.at<int>(i, cv::CC_STAT_AREA) > stats.at<int>(largest, cv::CC_STAT_AREA))
      largest = i;
  }
  if (largest == 0) return {};
  mask = labels == largest;
  std::vector<std::vector<cv::Point>> outlines;
  cv::findContours(mask, outlines, cv::RETR_EXTERNAL, cv::CHAIN_APPROX_NONE);
  cv::drawContours(mask, outlines, -1, 255, cv::FILLED);
  return mask;
}

/// Ours: thresholds from cautious to bold, the first whose piece is a disc.
std::optional<Circle> fitted_circle(const cv::Mat& grey, const Demands& demands) {
  const double scale = static_cast<double>(kFitSide) / std::max(grey.rows, grey.cols);
  cv::Mat small;
  cv::resize(grey, small, {}, scale, scale, scale < 1 ? cv::INTER_AREA : cv::INTER_LINEAR);
  cv::GaussianBlur(small, small, {}, 1.5);
  cv::Mat unused;
  const double otsu = cv::threshold(small, unused, 0, 255, cv::THRESH_BINARY | cv::THRESH_OTSU);
  const double dark = percentile(small, 0.005);
  const double bright = percentile(small, 0.9);
  std::vector<double> thresholds;
  for (const double share : {0.06, 0.1, 0.15, 0.22, 0.3})
    thresholds.push_back(dark + share * (bright - dark));
  thresholds.push_back(otsu / 2);
  thresholds.push_back(otsu);
  for (const double threshold : thresholds) {
    const auto mask = largest_piece(small, threshold);
    if (mask.empty()) continue;
    std::vector<std::vector<cv::Point>> outlines;
    cv::findContours(mask, outlines, cv::RETR_EXTERNAL, cv::CHAIN_APPROX_NONE);
    std::vector<cv::Point> hull;
    for (const auto& outline : outlines) hull.insert(hull.end(), outline.begin(), outline.end());
    std::vector<cv::Point2d> points;
    for (const auto& point : hull) {
      if (point.x > 2 && point.y > 2 && point.x < mask.cols - 3 && point.y < mask.rows - 3)
        points.emplace_back(point);
    }
    const auto circle = consensus_circle(points, std::hypot(mask.rows, mask.cols));
    if (circle && is_explained(mask, *circle, demands)) {
      return Circle{(circle->x + 0.5) / scale - 0.5, (circle->y + 0.5) / scale - 0.5, circle->radius / scale};
    }
  }
  return std::nullopt;
}

/// Median grey level of the darkest of the four corners.
int darkest_corner(const cv::Mat& grey) {
  const int width = std::max(1, grey.cols / 16);
  const int height = std::max(1, grey.rows / 16);
  int darkest = 255;
  for (const int x : {0, grey.cols - width}) {
    for (const int y : {0, grey.rows - height})
      darkest = std::min(darkest, percentile(grey(cv::Rect(x, y, width, height)), 0.5));
  }
  return darkest;
}

/// Orange to red on the whole, or grey; neither a page nor the pink of a stained slide.
bool has_retinal_colours(const cv::Mat& picture) {
  if (picture.channels() == 1) return cv::mean(picture)[0] < 190;
  const auto mean = cv::mean(picture);
  if (mean[0] > 215 && mean[1] > 190) return false;
  std::array<cv::Mat, 3> channels;
  cv::split(picture, channels.data());
  cv::Mat spread;
  cv::absdiff(channels[0], channels[2], spread);
  if (cv::mean(spread)[0] < 4) return mean[0] < 190;
  cv::Mat is_red;
  cv::bitwise_and(channels[0] >= channels[1], channels[0] >= channels[2], is_red);
  return mean[0] > 1.2 * mean[1] && mean[1] > 0.95 * mean[2] &&
         cv::countNonZero(is_red) > kLeastRed * static_cast<double>(is_red.total());
}

/// The same of what lies in a circle; grey only where nothing is missing.
bool is_retina(const cv::Mat& picture, const Circle& circle, bool may_be_grey) {
  cv::Mat disc = cv::Mat::zeros(picture.size(), CV_8U);
  cv::circle(disc, {cvRound(circle.x), cvRound(circle.y)}, cvRound(0.9 * circle.radius), cv::Scalar(255),
             cv::FILLED);
  const auto mean = cv::mean(picture, disc);
  if (picture.channels() == 1 || std::abs(mean[0] - mean[2]) < 4) return may_be_grey;
  return mean[0] > 1.12 * mean[1] && mean[1] > 0.85 * mean[2];
}

RectD box_of(const Circle& circle, const cv::Mat& picture) {
  const double top = std::max(0.0, std::floor(circle.y - circle.radius));
  const double left = std::max(0.0, std::floor(circle.x - circle.radius));
  return {left, top, std::min(picture.cols - left, std::floor(2 * circle.radius)),
          std::min(picture.rows - top, std::floor(2 * circle.radius))};
}

FieldOfView field_of(const Circle& circle, const cv::Mat& picture, const char* method,
                     std::vector<std::string> warnings) {
  return {{circle.x, circle.y}, circle.radius, box_of(circle, picture), method, std::move(warnings)};
}

}  // namespace

FieldOfView find_field_of_view(const Image8& photograph) {
  if (photograph.empty() || (photograph.channels() != 1 && photograph.channels() != 3)) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("A fundus photograph has 1 or 3 channels; this image has {} ({} x {} pixels).",
                            photograph.channels(), photograph.width(), photograph.height()));
  }
  const auto [shorter, longer] = std::minmax({photograph.width(), photograph.height()});
  if (shorter < kLeastSide || longer > kMostAspect * shorter) {
    throw Error(ErrorCode::insufficient_data,
                fmt::format("The image of {} x {} pixels is too narrow for a round field (sides of {} pixels "
                            "or more, at most {} to 1); give a fundus photograph.",
                            photograph.width(), photograph.height(), kLeastSide, kMostAspect));
  }
  const auto picture = view_of(photograph);
  auto grey = grey_of(picture);
  std::vector<std::string> warnings;
  if (blacken_white_border(picture, grey)) warnings.emplace_back("A white border was blackened.");
  if (percentile(grey, 0.99) - percentile(grey, 0.01) < kLeastContrast) {
    throw Error(
        ErrorCode::insufficient_data,
        fmt::format("The image of {} x {} pixels is blank (grey levels differ by less than {}); give a "
                    "fundus photograph.",
                    photograph.width(), photograph.height(), kLeastContrast));
  }
  if (const auto circle = published_circle(grey)) {
    return field_of(*circle, picture, "gdrbench", std::move(warnings));
  }
  if (const auto circle = fitted_circle(grey, kWhole); circle && is_retina(picture, *circle, true)) {
    warnings.emplace_back("The published rule found no field of view; a circle was fitted to its edge.");
    return field_of(*circle, picture, "circle fit", std::move(warnings));
  }
  if (const auto circle = fitted_circle(grey, kPartlyDark); circle && is_retina(picture, *circle, false)) {
    warnings.emplace_back(
        "A part of the field of view is dark; a circle was fitted to the edge that is seen.");
    return field_of(*circle, picture, "circle fit", std::move(warnings));
  }
  const double width = picture.cols;
  const double height = picture.rows;
  const bool is_filled = darkest_corner(grey) > 0.3 * percentile(grey, 0.75);
  if (is_filled && warnings.empty() && has_retinal_colours(picture)) {
    warnings.emplace_back("No edge of the field of view is seen; the whole frame was taken.");
    return field_of({width / 2 - 0.5, height / 2 - 0.5, std::hypot(width, height) / 2}, picture, "full frame",
                    std::move(warnings));
  }
  throw Error(
      ErrorCode::insufficient_data,
      fmt::format("The image of {} x {} pixels shows no round field of view; give a fundus photograph with "
                  "the retina in it.",
                  photograph.width(), photograph.height()));
}

Image8 field_mask(const FieldOfView& field, SizeI frame) {
  Image8 mask(frame.width, frame.height, 1);
  const double square = field.radius * field.radius;
  for (std::int64_t y = 0; y < frame.height; ++y) {
    auto* row = mask.row(y);
    const double dy = static_cast<double>(y) - field.centre.y;
    for (std::int64_t x = 0; x < frame.width; ++x) {
      const double dx = static_cast<double>(x) - field.centre.x;
      row[x] = dx * dx + dy * dy <= square ? 255 : 0;
    }
  }
  return mask;
}

double seen_share(const FieldOfView& field, SizeI frame) {
  double seen = 0;
  for (std::int64_t y = 0; y < frame.height; ++y) {  // the chord of each row
    const double dy = static_cast<double>(y) - field.centre.y;
    const double half = std::sqrt(std::max(0.0, field.radius * field.radius - dy * dy));
    const double left = std::max(-0.5, field.centre.x - half);
    const double right = std::min(static_cast<double>(frame.width) - 0.5, field.centre.x + half);
    seen += std::max(0.0, right - left);
  }
  return std::min(1.0, seen / (std::numbers::pi * field.radius * field.radius));
}

FundusCrop crop_to_field(const Image8& photograph, const FieldOfView& field, std::int64_t size) {
  if (size < 1) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("A crop of {} pixels is none; give 1 or more.", size));
  }
  const cv::Rect box(static_cast<int>(field.box.x), static_cast<int>(field.box.y),
                     static_cast<int>(field.box.width), static_cast<int>(field.box.height));
  const auto disc = field_mask(field, {photograph.width(), photograph.height()});
  cv::Mat picture = view_of(photograph)(box).clone();
  const cv::Mat inside = view_of(disc)(box);
  if (picture.channels() == 1) cv::cvtColor(picture, picture, cv::COLOR_GRAY2RGB);
  picture.setTo(cv::Scalar::all(0), inside == 0);
  const int side = std::max(box.width, box.height);
  const int top = (side - box.height) / 2;
  const int left = (side - box.width) / 2;
  const auto pad = [&](const cv::Mat& from, cv::Mat& to) {
    cv::copyMakeBorder(from, to, top, side - box.height - top, left, side - box.width - left,
                       cv::BORDER_CONSTANT, cv::Scalar::all(0));
  };
  cv::Mat square;
  cv::Mat square_mask;
  pad(picture, square);
  pad(inside, square_mask);
  // Bilinear alone would skip pixels, and a finer camera's picture would come out as a noisier one.
  const auto whole = static_cast<int>(side / size);
  if (whole >= 2) {
    const cv::Size coarse(side / whole, side / whole);
    cv::resize(square, square, coarse, 0, 0, cv::INTER_AREA);
    cv::resize(square_mask, square_mask, coarse, 0, 0, cv::INTER_AREA);
  }
  FundusCrop crop{Image8(size, size, picture.channels()), Image8(size, size, 1)};
  auto image_view = view_of(crop.image);
  auto mask_view = view_of(crop.mask);
  cv::resize(square, image_view, image_view.size(), 0, 0, cv::INTER_LINEAR);
  cv::resize(square_mask, mask_view, mask_view.size(), 0, 0, cv::INTER_LINEAR);
  return crop;
}

}  // namespace imaging
