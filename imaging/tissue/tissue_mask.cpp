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
#include "imaging/slide/area_resample.h"

namespace imaging {
namespace {

constexpr std::int64_t kMaxMaskPixels = std::int64_t{1} << 26;
constexpr int kFluorescenceLuminance =
    48;  // median of the scanned area; glass is above 200, dense tissue above 80
// What Otsu calls glass must look like glass, as medians over its pixels: real glass has a gradient of 1 to 3
// grey levels at 8 µm per pixel and tissue 9 or more, however pale.
constexpr int kGlassSaturation = 32;
constexpr int kGlassGradient = 6;
constexpr double kLeastGlass = 0.001;  // share of the pixels below which a class is not worth splitting

using Histogram = std::array<std::int64_t, 256>;

/// Of the pixels whose `key` is at most `last`; of all by default.
Histogram histogram_of(const cv::Mat& grey, const cv::Mat& key = {}, int last = 255) {
  Histogram histogram{};
  for (int y = 0; y < grey.rows; ++y) {
    const auto* row = grey.ptr<std::uint8_t>(y);
    const auto* keys = key.empty() ? row : key.ptr<std::uint8_t>(y);
    for (int x = 0; x < grey.cols; ++x) {
      if (keys[x] <= last) ++histogram[row[x]];
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
/// to nothing.
int glass_threshold(const cv::Mat& rgb, const cv::Mat& saturation, int floor) {
  cv::Mat luminance;
  cv::cvtColor(rgb, luminance, cv::COLOR_RGB2GRAY);
  cv::Mat gradient;
  cv::morphologyEx(luminance, gradient, cv::MORPH_GRADIENT,
                   cv::getStructuringElement(cv::MORPH_RECT, {3, 3}));
  const auto histogram = histogram_of(saturation);
  const double least = kLeastGlass * static_cast<double>(count_up_to(histogram, 255));
  int threshold = 255;
  while (threshold > floor) {
    threshold = otsu_up_to(histogram, threshold);
    if (static_cast<double>(count_up_to(histogram, threshold)) < least) return floor;
    const bool is_glass = median_up_to(histogram, threshold) <= kGlassSaturation &&
                          median_up_to(histogram_of(gradient, saturation, threshold), 255) <= kGlassGradient;
    if (is_glass) break;
  }
  return std::max(threshold, floor);
}

/// Fluorescence: the file says so, or what was scanned is dark (pure white is what lies outside the scan).
void check_brightfield(const cv::Mat& rgb, const SlideInfo& info) {
  if (is_fluorescence(info)) {
    throw Error(
        ErrorCode::not_brightfield,
        fmt::format("{}: a fluorescence slide by its own metadata; only brightfield slides can be analysed.",
                    info.path.string()));
  }
  cv::Mat luminance;
  cv::cvtColor(rgb, luminance, cv::COLOR_RGB2GRAY);
  const auto histogram = histogram_of(luminance);
  const int median = median_up_to(histogram, 254);
  if (count_up_to(histogram, 254) > 0 && median < kFluorescenceLuminance) {
    throw Error(
        ErrorCode::not_brightfield,
        fmt::format("{}: the scanned area is dark (median grey level {} of 255), as in fluorescence; only "
                    "brightfield slides can be analysed.",
                    info.path.string(), median));
  }
}

/// Drops pieces below `least_piece` mask pixels, then fills holes below `least_hole` and beyond the largest
/// `max_holes` of their piece. Pieces are 4-connected, holes 8-connected, so that outlines never cross.
void filter_components(cv::Mat& mask, double least_piece, double least_hole, std::int64_t max_holes) {
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

/// Directions along pixel edges, tissue on the right-hand side: right, down, left, up.
constexpr std::array<std::array<int, 2>, 4> kSteps{{{1, 0}, {0, 1}, {-1, 0}, {0, -1}}};

/// Outlines of the mask along its pixel edges, so that a ring's area is its pixels'. Outer rings run
/// clockwise.
class OutlineTracer {
 public:
  OutlineTracer(const cv::Mat& mask, PointD pixel_l0) : mask_(mask), pixel_l0_(pixel_l0) {
    cv::connectedComponents(mask, labels_, 4, CV_32S);
    is_traced_ = cv::Mat::zeros(mask.rows + 1, mask.cols + 1, CV_8U);
  }

  std::vector<TissuePiece> trace() {
    std::map<int, TissuePiece> pieces;  // labels count from the top left in row order
    for (int y = 0; y < mask_.rows; ++y) {
      for (int x = 0; x < mask_.cols; ++x) {
        // Every ring has a top edge (tissue below it) or, for a hole, a bottom edge (tissue above glass: runs
        // left).
        if (is_tissue(x, y) && !is_tissue(x, y - 1) && !has_passed(x, y, 0))
          add(pieces, x, y, 0, labels_.at<int>(y, x));
        if (is_tissue(x, y) && !is_tissue(x, y + 1) && !has_passed(x + 1, y + 1, 2)) {
          add(pieces, x + 1, y + 1, 2, labels_.at<int>(y, x));
        }
      }
    }
    std::vector<TissuePiece> result;
    for (auto& [label, piece] : pieces) result.push_back(std::move(piece));
    return result;
  }

 private:
  bool is_tissue(int x, int y) const {
    return x >= 0 && y >= 0 && x < mask_.cols && y < mask_.rows && mask_.at<std::uint8_t>(y, x) != 0;
  }
  bool has_passed(int x, int y, int direction) const {
    return (is_traced_.at<std::uint8_t>(y, x) >> direction & 1) != 0;
  }

  /// Tissue to the right and none to the left of the edge that leaves (x, y).
  bool is_edge(int x, int y, int direction) const {
    static constexpr std::array<std::array<int, 2>, 4> kRight{{{0, 0}, {-1, 0}, {-1, -1}, {0, -1}}};
    static constexpr std::array<std::array<int, 2>, 4> kLeft{{{0, -1}, {0, 0}, {-1, 0}, {-1, -1}}};
    const auto d = static_cast<std::size_t>(direction);
    return is_tissue(x + kRight[d][0], y + kRight[d][1]) && !is_tissue(x + kLeft[d][0], y + kLeft[d][1]);
  }

  void add(std::map<int, TissuePiece>& pieces, int x, int y, int direction, int label) {
    std::vector<PointD> ring;
    double area = 0;
    const int first_direction = direction;
    int last_direction = -1;
    while (!has_passed(x, y, direction)) {
      is_traced_.at<std::uint8_t>(y, x) |= static_cast<std::uint8_t>(1 << direction);
      if (direction != last_direction) ring.push_back({x * pixel_l0_.x, y * pixel_l0_.y});
      last_direction = direction;
      const auto& step = kSteps[static_cast<std::size_t>(direction)];
      area += static_cast<double>(x) * step[1] - static_cast<double>(y) * step[0];
      x += step[0];
      y += step[1];
      for (const int turn : {1, 0, 3}) {  // right first: diagonal neighbours are two pieces
        if (is_edge(x, y, (direction + turn) % 4)) {
          direction = (direction + turn) % 4;
          break;
        }
      }
    }
    if (last_direction == first_direction)
      ring.erase(ring.begin());  // began in the middle of a straight edge
    if (area > 0) {
      pieces[label].outer_l0 = std::move(ring);
    } else {
      pieces[label].holes_l0.push_back(std::move(ring));
    }
  }

  cv::Mat mask_;
  cv::Mat labels_;
  cv::Mat is_traced_;  // bit d: the edge leaving this corner in direction d
  PointD pixel_l0_;
};

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

SizeI mask_size(const SlideReader& reader, const SlideScale& scale, double seg_mpp) {
  const auto slide = reader.info().size_l0();
  const auto pixels = [&](std::int64_t length, double mpp) {
    return std::max<std::int64_t>(1, std::llround(static_cast<double>(length) * mpp / seg_mpp));
  };
  const SizeI size{pixels(slide.width, scale.mpp_x), pixels(slide.height, scale.mpp_y)};
  if (size.width > kMaxMaskPixels / size.height) {
    throw Error(
        ErrorCode::resource_exhausted,
        fmt::format("{}: a tissue mask of {} x {} pixels at {} um/px is too large; give a larger seg_mpp.",
                    reader.info().path.string(), size.width, size.height, seg_mpp));
  }
  return size;
}

}  // namespace

TissueMask::TissueMask(Image8 mask, SizeI slide_size_l0, std::vector<TissuePiece> pieces, double threshold)
    : mask_(std::move(mask)),
      slide_size_l0_(slide_size_l0),
      pieces_(std::move(pieces)),
      threshold_(threshold) {
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

bool is_fluorescence(const SlideInfo& info) {
  const auto type = info.properties.find("mirax.GENERAL.SLIDE_TYPE");
  return type != info.properties.end() && type->second == "SLIDE_TYPE_FLUORESCENCE";
}

TissueMask find_tissue(const SlideReader& reader, const SlideScale& scale, const TissueOptions& options) {
  check_options(options);
  if (options.mthresh % 2 == 0) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("Option mthresh is {}; it must be odd.", options.mthresh));
  }
  const auto slide = reader.info().size_l0();
  const auto size = mask_size(reader, scale, options.seg_mpp);
  auto overview = read_whole(reader, size);
  const cv::Mat rgb(static_cast<int>(size.height), static_cast<int>(size.width), CV_8UC3, overview.data());
  check_brightfield(rgb, reader.info());

  const auto saturation = saturation_of(rgb, static_cast<int>(options.mthresh));
  const auto floor = static_cast<int>(options.sthresh);
  const int threshold = options.use_otsu ? glass_threshold(rgb, saturation, floor) : floor;
  Image8 mask(size.width, size.height, 1);
  cv::Mat binary(static_cast<int>(size.height), static_cast<int>(size.width), CV_8UC1, mask.data());
  cv::threshold(saturation, binary, threshold, 255, cv::THRESH_BINARY);
  if (options.close > 1) {
    const auto side = static_cast<int>(options.close);
    const auto square = cv::getStructuringElement(cv::MORPH_RECT, {side, side});
    const int anchor = side / 2;  // mirrored for the erosion, or an even side would shift the mask
    cv::dilate(binary, binary, square, {anchor, anchor});
    cv::erode(binary, binary, square, {side - 1 - anchor, side - 1 - anchor});
  }
  const PointD pixel_l0{static_cast<double>(slide.width) / static_cast<double>(size.width),
                        static_cast<double>(slide.height) / static_cast<double>(size.height)};
  const double pixel_mm2 = pixel_l0.x * scale.mpp_x * pixel_l0.y * scale.mpp_y * 1e-6;
  filter_components(binary, options.a_t / pixel_mm2, options.a_h / pixel_mm2, options.max_n_holes);
  auto pieces = OutlineTracer(binary, pixel_l0).trace();
  return TissueMask(std::move(mask), slide, std::move(pieces), threshold);
}

}  // namespace imaging
