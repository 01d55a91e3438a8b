#include "imaging/tissue/tissue_mask.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "imaging/base/error.h"
#include "imaging/tissue/detail/regions.h"
#include "imaging/tissue/focus.h"
#include "imaging/tissue/folds.h"
#include "imaging/tissue/pen_marks.h"

namespace imaging {
namespace {

// What Otsu calls glass must look like glass, as medians over its pixels: real glass has a gradient of 1 to 3
// grey levels at 8 µm per pixel and tissue 9 or more, however pale.
constexpr int kGlassSaturation = 32;
constexpr int kGlassGradient = 6;
constexpr int kBandRows = 256;
constexpr double kLeastGlass = 0.001;  // share of the pixels below which a class is not worth splitting

using Histogram = std::array<std::int64_t, 256>;

/// cv::Mat knows no const: only read what comes from a const image.
cv::Mat view_of(const Image8& image) {
  return {static_cast<int>(image.height()), static_cast<int>(image.width()), CV_8UC(image.channels()),
          const_cast<std::uint8_t*>(image.data())};
}

/// How many pixels have which saturation (rows) and gradient of luminance (columns).
using JointHistogram = std::vector<Histogram>;

/// Of the pixels that are not ink. In bands of rows, so that no more planes of the whole are needed.
JointHistogram joint_histogram(const cv::Mat& rgb, const cv::Mat& saturation, const cv::Mat& ink) {
  JointHistogram joint(256);
  const auto square = cv::getStructuringElement(cv::MORPH_RECT, {3, 3});
  cv::Mat luminance;
  cv::Mat gradient;
  for (int top = 0; top < rgb.rows; top += kBandRows) {
    const int bottom = std::min(rgb.rows, top + kBandRows);
    const int first = std::max(0, top - 1);
    cv::cvtColor(rgb.rowRange(first, std::min(rgb.rows, bottom + 1)), luminance, cv::COLOR_RGB2GRAY);
    cv::morphologyEx(luminance, gradient, cv::MORPH_GRADIENT, square);
    for (int y = top; y < bottom; ++y) {
      const auto* gradients = gradient.ptr<std::uint8_t>(y - first);
      const auto* saturations = saturation.ptr<std::uint8_t>(y);
      const auto* inks = ink.ptr<std::uint8_t>(y);
      for (int x = 0; x < rgb.cols; ++x) {
        if (inks[x] == 0) ++joint[saturations[x]][gradients[x]];
      }
    }
  }
  return joint;
}

std::int64_t count_up_to(const Histogram& histogram, int last) {
  return std::accumulate(histogram.begin(), histogram.begin() + last + 1, std::int64_t{0});
}

int median_up_to(const Histogram& histogram, int last) {
  const auto total = count_up_to(histogram, last);
  int value = 0;
  for (std::int64_t seen = 0; value < last; ++value) {
    seen += histogram[static_cast<std::size_t>(value)];
    if (2 * seen >= total) break;
  }
  return value;
}

/// The value that best parts the pixels of values 0 to last into two classes (the lower one includes it).
int otsu_up_to(const Histogram& histogram, int last) {
  double total = 0;
  double sum = 0;
  for (int value = 0; value <= last; ++value) {
    total += static_cast<double>(histogram[static_cast<std::size_t>(value)]);
    sum += value * static_cast<double>(histogram[static_cast<std::size_t>(value)]);
  }
  int best = 0;
  double best_variance = 0;
  double below = 0;
  double sum_below = 0;
  for (int value = 0; value < last; ++value) {
    below += static_cast<double>(histogram[static_cast<std::size_t>(value)]);
    sum_below += value * static_cast<double>(histogram[static_cast<std::size_t>(value)]);
    if (below == 0 || below == total) continue;
    const double gap = sum_below / below - (sum - sum_below) / (total - below);
    const double variance = below * (total - below) * gap * gap;
    if (variance > best_variance) {
      best_variance = variance;
      best = value;
    }
  }
  return best;
}

/// Otsu's threshold between glass and tissue. Where the lower class is itself tissue (a frame full of it),
/// the split lies between pale and dark tissue and the lower class is split again, until it is glass or next
/// to nothing.
int glass_threshold(const JointHistogram& joint, int floor) {
  Histogram histogram{};
  for (std::size_t value = 0; value < joint.size(); ++value)
    histogram[value] = count_up_to(joint[value], 255);
  const auto gradients_up_to = [&](int last) {
    Histogram gradients{};
    for (int value = 0; value <= last; ++value) {
      const auto& row = joint[static_cast<std::size_t>(value)];
      std::ranges::transform(gradients, row, gradients.begin(), std::plus{});
    }
    return gradients;
  };
  const double least = kLeastGlass * static_cast<double>(count_up_to(histogram, 255));
  int threshold = 255;
  while (threshold > floor) {
    threshold = otsu_up_to(histogram, threshold);
    if (static_cast<double>(count_up_to(histogram, threshold)) < least) return floor;
    const bool is_glass = median_up_to(histogram, threshold) <= kGlassSaturation &&
                          median_up_to(gradients_up_to(threshold), 255) <= kGlassGradient;
    if (is_glass) break;
  }
  return std::max(threshold, floor);
}

/// Each pixel repeated `times`, cut to `size`.
cv::Mat enlarged(const Image8& image, SizeI times, cv::Size size) {
  cv::Mat result;
  cv::resize(view_of(image), result,
             {static_cast<int>(image.width() * times.width), static_cast<int>(image.height() * times.height)},
             0, 0, cv::INTER_NEAREST);
  return result({{}, size});
}

/// Drops pieces (4-connected) below `least_piece` mask pixels.
void drop_small_pieces(Image8& mask, double least_piece) {
  const detail::Regions pieces(mask, detail::Neighbours::four);
  pieces.paint(mask, 0, [&](std::int32_t i) {
    return static_cast<double>(pieces.regions()[static_cast<std::size_t>(i)].area) < least_piece;
  });
}

/// Fills holes (8-connected) below `least_hole` mask pixels and beyond the largest `max_holes` of their
/// piece.
void fill_holes(Image8& mask, double least_hole, std::int64_t max_holes) {
  const detail::Regions pieces(mask, detail::Neighbours::four);
  const detail::Regions glass(mask, detail::Neighbours::eight, false);
  std::map<std::int32_t, std::vector<std::int32_t>> holes_of_piece;
  std::int32_t next = 0;
  for (const auto& run : glass.runs()) {
    if (run.region != next) continue;  // not the region's first
    const auto& region = glass.regions()[static_cast<std::size_t>(next)];
    const bool is_open =
        region.left == 0 || region.top == 0 || region.right == mask.width() || region.bottom == mask.height();
    // Above the topmost pixel of a hole lies the piece around it, never an island inside it.
    if (!is_open) holes_of_piece[pieces.at(run.begin, run.y - 1)].push_back(next);
    ++next;
  }
  std::vector<std::uint8_t> fills(glass.regions().size(), 0);
  const auto area = [&](std::int32_t hole) { return glass.regions()[static_cast<std::size_t>(hole)].area; };
  for (auto& [piece, holes] : holes_of_piece) {
    std::ranges::stable_sort(holes, std::greater{}, area);
    for (std::size_t i = 0; i < holes.size(); ++i) {
      if (static_cast<std::int64_t>(i) >= max_holes || static_cast<double>(area(holes[i])) < least_hole)
        fills[static_cast<std::size_t>(holes[i])] = 1;
    }
  }
  glass.paint(mask, 255, [&](std::int32_t i) { return fills[static_cast<std::size_t>(i)] != 0; });
}

void append_ring(std::string& text, const std::vector<PointD>& ring) {
  text += '[';
  for (const auto& point : ring) text += fmt::format("[{:.2f},{:.2f}],", point.x, point.y);
  text += fmt::format("[{:.2f},{:.2f}]]", ring.front().x, ring.front().y);
}

/// In bands of rows, on the threads of OpenCV.
cv::Mat saturation_of(const cv::Mat& rgb, int median_side) {
  cv::Mat saturation(rgb.size(), CV_8UC1);
  const int margin = median_side / 2;
  cv::parallel_for_({0, (rgb.rows + kBandRows - 1) / kBandRows}, [&](const cv::Range& bands) {
    cv::Mat hsv;
    cv::Mat values;
    for (int band = bands.start; band < bands.end; ++band) {
      const int top = band * kBandRows;
      const int bottom = std::min(rgb.rows, top + kBandRows);
      const int first = std::max(0, top - margin);
      cv::cvtColor(rgb.rowRange(first, std::min(rgb.rows, bottom + margin)), hsv, cv::COLOR_RGB2HSV);
      cv::extractChannel(hsv, values, 1);
      if (median_side > 1) cv::medianBlur(values, values, median_side);
      values.rowRange(top - first, bottom - first).copyTo(saturation.rowRange(top, bottom));
    }
  });
  return saturation;
}

}  // namespace

TissueMask::TissueMask(Image8 mask, SizeI slide_size_l0, std::vector<TissuePiece> pieces, double threshold,
                       TissueRejections rejected)
    : mask_(std::move(mask)),
      slide_size_l0_(slide_size_l0),
      pieces_(std::move(pieces)),
      threshold_(threshold),
      rejected_(rejected) {}

double TissueMask::fraction(RectD rect_l0) const {
  if (!(rect_l0.width > 0 && rect_l0.height > 0)) return 0;
  const auto width = static_cast<double>(mask_.width());
  const auto height = static_cast<double>(mask_.height());
  const double scale_x = width / static_cast<double>(slide_size_l0_.width);
  const double scale_y = height / static_cast<double>(slide_size_l0_.height);
  const double left = std::clamp(rect_l0.x * scale_x, 0.0, width);
  const double right = std::clamp(rect_l0.right() * scale_x, 0.0, width);
  const double top = std::clamp(rect_l0.y * scale_y, 0.0, height);
  const double bottom = std::clamp(rect_l0.bottom() * scale_y, 0.0, height);
  double tissue = 0;
  for (auto y = static_cast<std::int64_t>(top); static_cast<double>(y) < bottom; ++y) {
    const double rows = std::min(bottom, static_cast<double>(y + 1)) - std::max(top, static_cast<double>(y));
    tissue += rows * tissue_in_row(y, left, right);
  }
  return std::clamp(tissue / (rect_l0.width * scale_x * rect_l0.height * scale_y), 0.0, 1.0);
}

double TissueMask::tissue_in_row(std::int64_t y, double left, double right) const {
  const auto first = static_cast<std::int64_t>(left);
  const auto last = static_cast<std::int64_t>(std::ceil(right));  // one past it
  if (first >= last) return 0;
  const auto* row = mask_.row(y);
  double tissue = static_cast<double>(std::count_if(row + first, row + last, [](auto v) { return v != 0; }));
  if (row[first] != 0) tissue -= left - static_cast<double>(first);
  if (row[last - 1] != 0) tissue -= static_cast<double>(last) - right;
  return tissue;
}

double TissueMask::area_fraction() const {
  const auto count = std::ranges::count_if(mask_.values(), [](auto value) { return value != 0; });
  return static_cast<double>(count) / static_cast<double>(mask_.width() * mask_.height());
}

std::string TissueMask::to_geojson() const {
  std::string text = "{\"type\":\"FeatureCollection\",\"features\":[";
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    text += i > 0 ? ",\n" : "\n";
    text += "{\"type\":\"Feature\",\"geometry\":{\"type\":\"Polygon\",\"coordinates\":[";
    append_ring(text, pieces_[i].outer_l0);
    for (const auto& hole : pieces_[i].holes_l0) {
      text += ',';
      append_ring(text, hole);
    }
    text +=
        "]},\"properties\":{\"objectType\":\"annotation\",\"classification\":{\"name\":\"Tissue\",\"color\":["
        "0,128,0]}}}";
  }
  return text + "\n]}\n";
}

TissueMask find_tissue(const TissueOverview& overview, const TissueOptions& options) {
  check_options(options);
  if (options.mthresh % 2 == 0) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("Option mthresh is {}; it must be odd.", options.mthresh));
  }
  if (!overview.serves(options)) {
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("{}: the overview was read at {} um/px{}; these options need another one.",
                    overview.source, overview.seg_mpp, overview.blur.um.empty() ? " without the blur" : ""));
  }
  const auto width = overview.rgb.width();
  const auto height = overview.rgb.height();
  const auto pen = options.reject_pen ? find_pen_marks(overview.rgb, overview.pixel_um, options.pen_od)
                                      : Image8(width, height, 1);
  const auto rgb = view_of(overview.rgb);
  auto saturation = saturation_of(rgb, static_cast<int>(options.mthresh));
  const auto floor = static_cast<int>(options.sthresh);
  const int threshold =
      options.use_otsu ? glass_threshold(joint_histogram(rgb, saturation, view_of(pen)), floor) : floor;
  Image8 mask(width, height, 1);
  auto binary = view_of(mask);
  cv::threshold(saturation, binary, threshold, 255, cv::THRESH_BINARY);
  saturation.release();
  if (options.close > 1) {
    const auto side = static_cast<int>(options.close);
    const auto square = cv::getStructuringElement(cv::MORPH_RECT, {side, side});
    const int anchor = side / 2;  // mirrored for the erosion, or an even side would shift the mask
    cv::dilate(binary, binary, square, {anchor, anchor});
    cv::erode(binary, binary, square, {side - 1 - anchor, side - 1 - anchor});
  }
  const double pixel_mm2 = overview.pixel_um.x * overview.pixel_um.y * 1e-6;
  drop_small_pieces(mask, options.a_t / pixel_mm2);
  fill_holes(mask, options.a_h / pixel_mm2, options.max_n_holes);

  const auto stained = cv::countNonZero(binary);
  const auto reject = [&](const cv::Mat& where) {
    const auto before = cv::countNonZero(binary);
    binary.setTo(0, where);
    return stained > 0 ? static_cast<double>(before - cv::countNonZero(binary)) / stained : 0.0;
  };
  TissueRejections rejected;
  if (options.reject_pen) rejected.pen = reject(view_of(pen));
  if (options.reject_folds) {
    const auto folds = find_folds(overview.rgb, mask, overview.pixel_um, options.fold_times);
    rejected.folds = reject(view_of(folds));
  }
  if (options.reject_blur) {
    const auto blurred = find_blurred(overview.blur.um, overview.blur.pixel_um, options.blur_um);
    rejected.blur = reject(enlarged(blurred, overview.blur.overview_pixels, binary.size()));
  }
  if (rejected.pen > 0 || rejected.folds > 0 || rejected.blur > 0)
    drop_small_pieces(mask, options.a_t / pixel_mm2);

  const PointD pixel_l0{static_cast<double>(overview.slide_size_l0.width) / static_cast<double>(width),
                        static_cast<double>(overview.slide_size_l0.height) / static_cast<double>(height)};
  auto pieces = trace_outlines(mask, pixel_l0);
  return {std::move(mask), overview.slide_size_l0, std::move(pieces), static_cast<double>(threshold),
          rejected};
}

TissueMask find_tissue(const SlideReader& reader, const SlideScale& scale, const TissueOptions& options,
                       const JobContext& job) {
  return find_tissue(read_tissue_overview(reader, scale, options, job), options);
}

}  // namespace imaging
