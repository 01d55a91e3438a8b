#include "imaging/raster/score_raster.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "imaging/base/error.h"

namespace imaging {
namespace {

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();

}  // namespace

ScoreRaster paint_scores(const TileGrid& grid, std::span<const std::int64_t> tile_numbers,
                         std::span<const float> scores, std::vector<std::string> channel_names) {
  const auto channels = channel_names.size();
  if (channels == 0 || scores.size() != tile_numbers.size() * channels) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} scores for {} tiles and {} channels do not agree.", scores.size(),
                            tile_numbers.size(), channels));
  }
  // Along an axis a tile of side s covers its own cell of stride t, the next one by (s - t) / t, and so on.
  const auto& options = grid.options();
  const auto stride = options.tile_px - options.overlap_px;
  std::vector<double> covered;
  for (std::int64_t start = 0; start < options.tile_px; start += stride) {
    covered.push_back(static_cast<double>(std::min(options.tile_px - start, stride)) /
                      static_cast<double>(stride));
  }
  const auto reach = static_cast<std::int64_t>(covered.size());

  Image<double> sums(grid.columns(), grid.rows(), static_cast<int>(channels));
  Image<double> weights(grid.columns(), grid.rows(), 1);
  for (std::size_t i = 0; i < tile_numbers.size(); ++i) {
    const auto number = tile_numbers[i];
    if (number < 0 || number >= static_cast<std::int64_t>(grid.tiles().size())) {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("Tile {} of a grid of {}.", number, grid.tiles().size()));
    }
    const auto index = grid.tiles()[static_cast<std::size_t>(number)];
    for (std::int64_t dy = 0; dy < reach && index.row + dy < grid.rows(); ++dy) {
      for (std::int64_t dx = 0; dx < reach && index.column + dx < grid.columns(); ++dx) {
        const double weight = covered[static_cast<std::size_t>(dx)] * covered[static_cast<std::size_t>(dy)];
        auto* sum = sums.pixel(index.column + dx, index.row + dy);
        for (std::size_t c = 0; c < channels; ++c)
          sum[c] += weight * static_cast<double>(scores[i * channels + c]);
        *weights.pixel(index.column + dx, index.row + dy) += weight;
      }
    }
  }

  ScoreRaster raster;
  raster.values = ImageF(grid.columns(), grid.rows(), static_cast<int>(channels), kNone);
  for (std::int64_t y = 0; y < grid.rows(); ++y) {
    for (std::int64_t x = 0; x < grid.columns(); ++x) {
      const double weight = *weights.pixel(x, y);
      if (weight == 0) continue;
      for (std::size_t c = 0; c < channels; ++c) {
        raster.values.pixel(x, y)[c] = static_cast<float>(sums.pixel(x, y)[c] / weight);
      }
    }
  }
  raster.channel_names = std::move(channel_names);
  raster.pixel_l0 = grid.stride_l0();
  raster.pixel_um = {grid.stride_l0().x * grid.scale().mpp_x, grid.stride_l0().y * grid.scale().mpp_y};
  return raster;
}

PaintedRange painted_range(const ScoreRaster& raster, int channel) {
  std::vector<float> finite;
  const auto values = raster.values.values();
  for (auto i = static_cast<std::size_t>(channel); i < values.size();
       i += static_cast<std::size_t>(raster.values.channels())) {
    if (std::isfinite(values[i])) finite.push_back(values[i]);
  }
  if (finite.empty()) return {};
  std::ranges::sort(finite);
  const auto rank = (finite.size() * 99 + 99) / 100 - 1;
  const auto high = finite[rank] > finite.front() ? finite[rank] : finite.back();
  return {finite.front(), high, high < finite.back()};
}

ScoreRaster rank_view(const ScoreRaster& raster) {
  ScoreRaster ranks = raster;
  const auto step = static_cast<std::size_t>(raster.values.channels());
  const auto values = ranks.values.values();
  for (std::size_t channel = 0; channel < step; ++channel) {
    std::vector<std::pair<float, std::size_t>> order;  // value, place
    for (auto i = channel; i < values.size(); i += step) {
      if (std::isfinite(values[i])) order.emplace_back(values[i], i);
    }
    std::ranges::sort(order);
    const double last = std::max<double>(1, static_cast<double>(order.size()) - 1);
    for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
      while (end < order.size() && order[end].first == order[begin].first) ++end;
      const double rank = order.size() == 1 ? 0.5 : static_cast<double>(begin + end - 1) / 2 / last;
      for (auto i = begin; i < end; ++i) values[order[i].second] = static_cast<float>(rank);
    }
  }
  return ranks;
}

}  // namespace imaging
