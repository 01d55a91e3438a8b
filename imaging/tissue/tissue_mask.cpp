#include "imaging/tissue/tissue_mask.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "imaging/base/error.h"
#include "imaging/tissue/focus.h"
#include "imaging/tissue/folds.h"
#include "imaging/tissue/pen_marks.h"

namespace imaging {
namespace {

// What Otsu calls glass must look like glass, as medians over its pixels: real glass has a gradient of 1 to 3
// grey levels at 8 µm per pixel and tissue 9 or more, however pale.
constexpr int kGlassSaturation = 32;
constexpr int kGlassGradient = 6;
constexpr double kLeastGlass = 0.001;  // share of the pixels below which a class is not worth splitting

using Histogram = std::array<std::int64_t, 256>;

/// cv::Mat knows no const: only read what comes from a const image.
cv::Mat view_of(const Image8& image) {
  return {static_cast<int>(image.height()), static_cast<int>(image.width()), CV_8UC(image.channels()),
          const_cast<std::uint8_t*>(image.data())};
}

/// Of the pixels that are not ink and whose `key` is at most `last`.
Histogram histogram_of(const cv::Mat& grey, const cv::Mat& ink, const cv::Mat& key, int last) {
  Histogram histogram{};
  for (int y = 0; y < grey.rows; ++y) {
    const auto* row = grey.ptr<std::uint8_t>(y);
    const auto* inks = ink.ptr<std::uint8_t>(y);
    const auto* keys = key.ptr<std::uint8_t>(y);
    for (int x = 0; x < grey.cols; ++x) {
      if (inks[x] == 0 && keys[x] <= last) ++histogram[row[x]];
    }
  }
  return histogram;
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
/// to nothing. Pixels of ink count for neither.
int glass_threshold(const cv::Mat& rgb, const cv::Mat& saturation, const cv::Mat& ink, int floor) {
  cv::Mat luminance;
  cv::cvtColor(rgb, luminance, cv::COLOR_RGB2GRAY);
  cv::Mat gradient;
  cv::morphologyEx(luminance, gradient, cv::MORPH_GRADIENT,
                   cv::getStructuringElement(cv::MORPH_RECT, {3, 3}));
  const auto histogram = histogram_of(saturation, ink, saturation, 255);
  const double least = kLeastGlass * static_cast<double>(count_up_to(histogram, 255));
  int threshold = 255;
  while (threshold > floor) {
    threshold = otsu_up_to(histogram, threshold);
    if (static_cast<double>(count_up_to(histogram, threshold)) < least) return floor;
    const bool is_glass =
        median_up_to(histogram, threshold) <= kGlassSaturation &&
        median_up_to(histogram_of(gradient, ink, saturation, threshold), 255) <= kGlassGradient;
    if (is_glass) break;
  }
  return std::max(threshold, floor);
}

/// Drops pieces (4-connected) below `least_piece` mask pixels.
void drop_small_pieces(cv::Mat& mask, double least_piece) {
  cv::Mat labels;
  cv::Mat stats;
  cv::Mat centres;
  const int pieces = cv::connectedComponentsWithStats(mask, labels, stats, centres, 4, CV_32S);
  std::vector<std::uint8_t> keeps(static_cast<std::size_t>(pieces), 0);
  for (int i = 1; i < pieces; ++i)
    keeps[static_cast<std::size_t>(i)] = stats.at<int>(i, cv::CC_STAT_AREA) >= least_piece ? 255 : 0;
  for (int y = 0; y < mask.rows; ++y) {
    for (int x = 0; x < mask.cols; ++x)
      mask.at<std::uint8_t>(y, x) = keeps[static_cast<std::size_t>(labels.at<int>(y, x))];
  }
}

/// Fills holes (8-connected) below `least_hole` mask pixels and beyond the largest `max_holes` of their
/// piece.
void fill_holes(cv::Mat& mask, double least_hole, std::int64_t max_holes) {
  cv::Mat labels;
  cv::connectedComponents(mask, labels, 4, CV_32S);
  cv::Mat stats;
  cv::Mat centres;
  cv::Mat glass = 255 - mask;
  cv::Mat glass_labels;
  const int regions = cv::connectedComponentsWithStats(glass, glass_labels, stats, centres, 8, CV_32S);
  std::map<int, std::vector<std::pair<int, int>>> holes_of_piece;  // piece -> (area, region)
  std::vector<std::uint8_t> is_seen(static_cast<std::size_t>(regions), 0);
  for (int y = 0; y < mask.rows; ++y) {
    for (int x = 0; x < mask.cols; ++x) {
      const int region = glass_labels.at<int>(y, x);
      if (region == 0 || is_seen[static_cast<std::size_t>(region)] != 0) continue;
      is_seen[static_cast<std::size_t>(region)] = 1;
      const int* box = stats.ptr<int>(region);
      const bool is_open = box[cv::CC_STAT_LEFT] == 0 || box[cv::CC_STAT_TOP] == 0 ||
                           box[cv::CC_STAT_LEFT] + box[cv::CC_STAT_WIDTH] == mask.cols ||
                           box[cv::CC_STAT_TOP] + box[cv::CC_STAT_HEIGHT] == mask.rows;
      // Above the topmost pixel of a hole lies the piece around it, never an island inside it.
      if (!is_open) holes_of_piece[labels.at<int>(y - 1, x)].emplace_back(box[cv::CC_STAT_AREA], region);
    }
  }
  std::vector<std::uint8_t> fills(static_cast<std::size_t>(regions), 0);
  for (auto& [piece, holes] : holes_of_piece) {
    std::ranges::sort(holes, [](const auto& a, const auto& b) {
      return a.first != b.first ? a.first > b.first : a.second < b.second;
    });
    for (std::size_t i = 0; i < holes.size(); ++i) {
      if (static_cast<std::int64_t>(i) >= max_holes || holes[i].first < least_hole) {
        fills[static_cast<std::size_t>(holes[i].second)] = 255;
      }
    }
  }
  for (int y = 0; y < mask.rows; ++y) {
    for (int x = 0; x < mask.cols; ++x) {
      if (fills[static_cast<std::size_t>(glass_labels.at<int>(y, x))] != 0) mask.at<std::uint8_t>(y, x) = 255;
    }
  }
}

void append_ring(std::string& text, const std::vector<PointD>& ring) {
  text += '[';
  for (const auto& point : ring) text += fmt::format("[{:.2f},{:.2f}],", point.x, point.y);
  text += fmt::format("[{:.2f},{:.2f}]]", ring.front().x, ring.front().y);
}

cv::Mat saturation_of(const cv::Mat& rgb, int median_side) {
  cv::Mat hsv;
  cv::cvtColor(rgb, hsv, cv::COLOR_RGB2HSV);
  cv::Mat saturation;
  cv::extractChannel(hsv, saturation, 1);
  if (median_side > 1) cv::medianBlur(saturation, saturation, median_side);
  return saturation;
}

}  // namespace

TissueMask::TissueMask(Image8 mask, SizeI slide_size_l0, std::vector<TissuePiece> pieces, double threshold,
                       TissueRejections rejected)
    : mask_(std::move(mask)),
      slide_size_l0_(slide_size_l0),
      pieces_(std::move(pieces)),
      threshold_(threshold),
      rejected_(rejected) {
  const auto stride = static_cast<std::size_t>(mask_.width() + 1);
  integral_.assign(stride * static_cast<std::size_t>(mask_.height() + 1), 0);
  for (std::int64_t y = 0; y < mask_.height(); ++y) {
    double row_sum = 0;
    for (std::int64_t x = 0; x < mask_.width(); ++x) {
      row_sum += *mask_.pixel(x, y) != 0 ? 1 : 0;
      const auto above = static_cast<std::size_t>(y) * stride + static_cast<std::size_t>(x + 1);
      integral_[above + stride] = integral_[above] + row_sum;
    }
  }
}

double TissueMask::fraction(RectD rect_l0) const {
  if (!(rect_l0.width > 0 && rect_l0.height > 0)) return 0;
  const auto width = static_cast<double>(mask_.width());
  const auto height = static_cast<double>(mask_.height());
  const double scale_x = width / static_cast<double>(slide_size_l0_.width);
  const double scale_y = height / static_cast<double>(slide_size_l0_.height);
  const auto stride = static_cast<std::size_t>(mask_.width() + 1);
  const auto integral = [&](double x_l0, double y_l0) {  // tissue above and left of a point, in mask pixels
    const double x = std::clamp(x_l0 * scale_x, 0.0, width);
    const double y = std::clamp(y_l0 * scale_y, 0.0, height);
    const auto column = static_cast<std::size_t>(std::min(x, width - 1));
    const auto row = static_cast<std::size_t>(std::min(y, height - 1));
    const double right = x - static_cast<double>(column);
    const double down = y - static_cast<double>(row);
    const auto* corner = integral_.data() + row * stride + column;
    return (corner[0] * (1 - right) + corner[1] * right) * (1 - down) +
           (corner[stride] * (1 - right) + corner[stride + 1] * right) * down;
  };
  const double tissue = integral(rect_l0.right(), rect_l0.bottom()) - integral(rect_l0.x, rect_l0.bottom()) -
                        integral(rect_l0.right(), rect_l0.y) + integral(rect_l0.x, rect_l0.y);
  return std::clamp(tissue / (rect_l0.width * scale_x * rect_l0.height * scale_y), 0.0, 1.0);
}

double TissueMask::area_fraction() const {
  return integral_.back() / (static_cast<double>(mask_.width()) * static_cast<double>(mask_.height()));
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
                    overview.source, overview.seg_mpp, overview.blur_um.empty() ? " without the blur" : ""));
  }
  const auto width = overview.rgb.width();
  const auto height = overview.rgb.height();
  const auto pen = options.reject_pen ? find_pen_marks(overview.rgb, overview.pixel_um, options.pen_od)
                                      : Image8(width, height, 1);
  const auto rgb = view_of(overview.rgb);
  const auto saturation = saturation_of(rgb, static_cast<int>(options.mthresh));
  const auto floor = static_cast<int>(options.sthresh);
  const int threshold = options.use_otsu ? glass_threshold(rgb, saturation, view_of(pen), floor) : floor;
  Image8 mask(width, height, 1);
  auto binary = view_of(mask);
  cv::threshold(saturation, binary, threshold, 255, cv::THRESH_BINARY);
  if (options.close > 1) {
    const auto side = static_cast<int>(options.close);
    const auto square = cv::getStructuringElement(cv::MORPH_RECT, {side, side});
    const int anchor = side / 2;  // mirrored for the erosion, or an even side would shift the mask
    cv::dilate(binary, binary, square, {anchor, anchor});
    cv::erode(binary, binary, square, {side - 1 - anchor, side - 1 - anchor});
  }
  const double pixel_mm2 = overview.pixel_um.x * overview.pixel_um.y * 1e-6;
  drop_small_pieces(binary, options.a_t / pixel_mm2);
  fill_holes(binary, options.a_h / pixel_mm2, options.max_n_holes);

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
    const auto blurred = find_blurred(overview.blur_um, overview.pixel_um, options.blur_um);
    rejected.blur = reject(view_of(blurred));
  }
  if (rejected.pen > 0 || rejected.folds > 0 || rejected.blur > 0)
    drop_small_pieces(binary, options.a_t / pixel_mm2);

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
