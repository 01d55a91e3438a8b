#include "imaging/raster/colormap.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "imaging/base/error.h"

namespace imaging {
namespace {

Colormap from_opencv(std::string_view name, cv::ColormapTypes type) {
  cv::Mat ramp(1, 256, CV_8U);
  for (int i = 0; i < 256; ++i) ramp.at<std::uint8_t>(0, i) = static_cast<std::uint8_t>(i);
  cv::Mat bgr;
  cv::applyColorMap(ramp, bgr, type);
  Colormap map{name, {}};
  for (int i = 0; i < 256; ++i) {
    const auto colour = bgr.at<cv::Vec3b>(0, i);
    map.rgb[static_cast<std::size_t>(i)] = {colour[2], colour[1], colour[0]};
  }
  return map;
}

void check_channel(const ScoreRaster& raster, int channel) {
  if (channel < 0 || channel >= raster.values.channels()) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("Channel {} of a raster that has {}.", channel, raster.values.channels()));
  }
}

bool is_painted(float value, const HeatmapStyle& style) {
  return std::isfinite(value) && value >= style.threshold;
}

const std::array<std::uint8_t, 3>& colour_of(float value, const Colormap& map, const HeatmapStyle& style) {
  const float range = style.high - style.low;
  const float share = range > 0 ? (value - style.low) / range : (value >= style.high ? 1.0F : 0.0F);
  return map.rgb[static_cast<std::size_t>(std::lround(std::clamp(share, 0.0F, 1.0F) * 255))];
}

}  // namespace

std::span<const Colormap> colormaps() {
  static const std::array kMaps{
      from_opencv("viridis", cv::COLORMAP_VIRIDIS), from_opencv("magma", cv::COLORMAP_MAGMA),
      from_opencv("inferno", cv::COLORMAP_INFERNO), from_opencv("cividis", cv::COLORMAP_CIVIDIS),
      from_opencv("jet-nonuniform", cv::COLORMAP_JET)};
  return kMaps;
}

const Colormap& find_colormap(std::string_view name) {
  std::string names;
  for (const auto& map : colormaps()) {
    if (map.name == name) return map;
    names += fmt::format("{}{}", names.empty() ? "" : ", ", map.name);
  }
  throw Error(ErrorCode::invalid_argument, fmt::format("No colormap '{}'; there are: {}.", name, names));
}

Image8 colour_raster(const ScoreRaster& raster, int channel, const Colormap& map, const HeatmapStyle& style) {
  check_channel(raster, channel);
  const auto alpha = static_cast<std::uint8_t>(std::lround(std::clamp(style.opacity, 0.0, 1.0) * 255));
  Image8 image(raster.values.width(), raster.values.height(), 4, 0);
  for (std::int64_t y = 0; y < image.height(); ++y) {
    for (std::int64_t x = 0; x < image.width(); ++x) {
      const float value = raster.values.pixel(x, y)[channel];
      if (!is_painted(value, style)) continue;
      std::ranges::copy(colour_of(value, map, style), image.pixel(x, y));
      image.pixel(x, y)[3] = alpha;
    }
  }
  return image;
}

Image8 blend_heatmap(const Image8& overview, SizeI slide_size_l0, const ScoreRaster& raster, int channel,
                     const Colormap& map, const HeatmapStyle& style) {
  check_channel(raster, channel);
  if (overview.channels() != 3) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("An overview of {} channels where 3 are needed.", overview.channels()));
  }
  const double step_x = static_cast<double>(slide_size_l0.width) / static_cast<double>(overview.width());
  const double step_y = static_cast<double>(slide_size_l0.height) / static_cast<double>(overview.height());
  const double opacity = std::clamp(style.opacity, 0.0, 1.0);
  const auto cell = [](double centre, double origin, double size) {
    return static_cast<std::int64_t>(std::floor((centre - origin) / size));
  };
  Image8 image = overview;
  for (std::int64_t y = 0; y < image.height(); ++y) {
    const auto row = cell((static_cast<double>(y) + 0.5) * step_y, raster.origin_l0.y, raster.pixel_l0.y);
    if (row < 0 || row >= raster.values.height()) continue;
    for (std::int64_t x = 0; x < image.width(); ++x) {
      const auto column =
          cell((static_cast<double>(x) + 0.5) * step_x, raster.origin_l0.x, raster.pixel_l0.x);
      if (column < 0 || column >= raster.values.width()) continue;
      const float value = raster.values.pixel(column, row)[channel];
      if (!is_painted(value, style)) continue;
      const auto& colour = colour_of(value, map, style);
      auto* pixel = image.pixel(x, y);
      for (std::size_t c = 0; c < 3; ++c) {
        pixel[c] = static_cast<std::uint8_t>(std::lround((1 - opacity) * pixel[c] + opacity * colour[c]));
      }
    }
  }
  return image;
}

}  // namespace imaging
