#include "imaging/tissue/pen_marks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "imaging/tissue/detail/glass.h"
#include "imaging/tissue/detail/growth.h"
#include "imaging/tissue/detail/regions.h"

namespace imaging {
namespace {

constexpr double kCoreUm = 112;  // across the disc that a mark must hold
constexpr double kEdgeUm = 100;  // how far a mark spreads into its pale edge

// What haematoxylin and eosin cannot mix, as quotients of optical densities.
constexpr float kCoolRed = 1.12F;      // blue, green: red over green light; haematoxylin is below 1.07
constexpr float kDarkTimes = 3;        // densities of this many times the least, as of ink over tissue, ...
constexpr float kDarkCoolRed = 1.03F;  // ... are ink at a smaller quotient: nuclei are not that dense
constexpr float kWarmBlue = 0.85F;     // red: blue over green light, at least
constexpr float kWarmRed = 0.18F;      // red: red over green light, at most; eosin is alike, blood above
constexpr float kBlackSpread = 0.8F;   // black: least over largest channel; pigment is browner
constexpr float kBlackTimes = 2;       // black: times the least density
constexpr float kEdgeCoolRed = 1.02F;  // the same in a mark's pale edge
constexpr float kEdgeDensity = 0.25F;  // times the least density

bool is_ink(const std::array<float, 3>& od, float least) {
  const auto [red, green, blue] = od;
  const float high = std::max({red, green, blue});
  if (high < least) return false;
  if (red >= (red >= kDarkTimes * least ? kDarkCoolRed : kCoolRed) * green) return true;
  if (blue >= kWarmBlue * green && red <= kWarmRed * green) return true;
  const float low = std::min({red, green, blue});
  return low >= kBlackTimes * least && low >= kBlackSpread * high;
}

bool is_ink_edge(const std::array<float, 3>& od, float least) {
  const auto [red, green, blue] = od;
  const float high = std::max({red, green, blue});
  if (high < kEdgeDensity * least) return false;
  return red >= kEdgeCoolRed * green || (blue >= kWarmBlue * green && red <= kWarmRed * green) ||
         std::min({red, green, blue}) >= kBlackSpread * high;
}

cv::Mat disc(double side_um, PointD pixel_um) {
  const auto pixels = [&](double pixel) {
    return 2 * static_cast<int>(std::lround(side_um / 2 / pixel)) + 1;
  };
  return cv::getStructuringElement(cv::MORPH_ELLIPSE, {pixels(pixel_um.x), pixels(pixel_um.y)});
}

}  // namespace

Image8 find_pen_marks(const Image8& overview, PointD pixel_um, double least_od) {
  const detail::GlassDensity density(overview);
  const auto least = static_cast<float>(least_od);
  const cv::Size size(static_cast<int>(overview.width()), static_cast<int>(overview.height()));
  Image8 marks(overview.width(), overview.height(), 1);
  Image8 edges(overview.width(), overview.height(), 1);
  cv::Mat ink(size, CV_8UC1, marks.data());
  for (int y = 0; y < size.height; ++y) {
    const auto* pixel = overview.row(y);
    for (int x = 0; x < size.width; ++x, pixel += 3) {
      const auto od = density(pixel);
      ink.at<std::uint8_t>(y, x) = is_ink(od, least) ? 255 : 0;
      *edges.pixel(x, y) = is_ink_edge(od, least) ? 255 : 0;
    }
  }
  // Speckles of paper white in a stroke, and of ink in tissue, are of no account.
  cv::medianBlur(ink, ink, 3);
  if (cv::countNonZero(ink) == 0) return marks;
  cv::Mat cores;
  cv::morphologyEx(ink, cores, cv::MORPH_OPEN, disc(kCoreUm, pixel_um));
  const detail::Regions regions(marks, detail::Neighbours::eight);
  std::vector<std::uint8_t> holds_core(regions.regions().size(), 0);
  for (const auto& run : regions.runs()) {
    const auto* row = cores.ptr<std::uint8_t>(run.y);
    if (std::any_of(row + run.begin, row + run.end, [](auto value) { return value != 0; }))
      holds_core[static_cast<std::size_t>(run.region)] = 1;
  }
  cores.release();
  regions.paint(marks, 0, [&](std::int32_t i) { return holds_core[static_cast<std::size_t>(i)] == 0; });
  if (cv::countNonZero(ink) == 0) return marks;
  detail::grow(marks, edges, pixel_um, kEdgeUm);
  // The blend of ink and what lies beside it.
  cv::dilate(ink, ink, cv::getStructuringElement(cv::MORPH_RECT, {3, 3}));
  return marks;
}

}  // namespace imaging
