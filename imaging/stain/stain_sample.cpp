#include "imaging/stain/stain_sample.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "imaging/base/error.h"
#include "imaging/slide/area_resample.h"

namespace imaging {
namespace {

constexpr int kPale = 170;             ///< glass is at least this bright in every channel
constexpr int kNearlyGrey = 28;        ///< and its channels differ by at most this
constexpr double kBrightShare = 0.05;  ///< of the pale pixels
constexpr double kLeastGlass = 0.001;  ///< of all pixels
constexpr float kDarkest = 2.2F;       ///< OD: below 2 of 255 grey levels a channel tells nothing
constexpr std::int64_t kWindow = 128;  ///< px
constexpr std::int64_t kWindows = 16;  ///< along each side

void require_rgb(const Image8& image) {
  if (image.channels() != 3 || image.empty()) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("Stains are found on RGB pixels; the image is {} x {} x {}.", image.width(),
                            image.height(), image.channels()));
  }
}

/// Both dyes take green first. Blue ink takes more of the red, red and black ink as much of the blue, green
/// ink both.
bool is_mixture_of_dyes(const Density& od) {
  return od[0] < 1.2F * od[1] && od[2] < 0.85F * od[1];
}

Image8 read_sample(const SlideReader& reader, const std::vector<RectD>& places, SizeI size) {
  std::vector<Image8> tiles;
  std::string problem;
  for (const auto& place : places) {
    try {
      tiles.push_back(read_area(reader, place, size));
    } catch (const Error& error) {
      if (error.code() != ErrorCode::corrupt_data) throw;
      problem = error.what();
    }
  }
  if (tiles.empty()) throw Error(ErrorCode::corrupt_data, problem);
  return sample_pixels(tiles);
}

}  // namespace

Image8 sample_pixels(std::span<const Image8> tiles, std::int64_t max_pixels) {
  std::int64_t total = 0;
  for (const auto& tile : tiles) {
    require_rgb(tile);
    total += tile.width() * tile.height();
  }
  const auto step = std::max<std::int64_t>(1, (total + max_pixels - 1) / max_pixels);
  Image8 sample((total + step - 1) / step, total > 0 ? 1 : 0, 3);
  std::uint8_t* to = sample.data();
  std::int64_t next = 0;  // of all pixels
  std::int64_t begin = 0;
  for (const auto& tile : tiles) {
    const auto end = begin + tile.width() * tile.height();
    for (; next < end; next += step) to = std::copy_n(tile.data() + 3 * (next - begin), 3, to);
    begin = end;
  }
  return sample;
}

Image8 sample_slide_pixels(const SlideReader& reader, const TileGrid& grid, std::int64_t max_tiles) {
  const auto total = static_cast<std::int64_t>(grid.tiles().size());
  const auto count = std::min(total, max_tiles);
  std::vector<RectD> places;
  for (std::int64_t i = 0; i < count; ++i)
    places.push_back(grid.rect_l0(grid.tiles()[static_cast<std::size_t>((2 * i + 1) * total / (2 * count))]));
  return read_sample(reader, places, {grid.options().tile_px, grid.options().tile_px});
}

Image8 sample_image_pixels(const SlideReader& reader) {
  const auto size = reader.info().size_l0();
  const SizeI window{std::min(kWindow, size.width), std::min(kWindow, size.height)};
  const auto columns = std::min(kWindows, (size.width + kWindow - 1) / kWindow);
  const auto rows = std::min(kWindows, (size.height + kWindow - 1) / kWindow);
  const auto at = [](std::int64_t i, std::int64_t count, std::int64_t span) {
    return static_cast<double>(count > 1 ? i * span / (count - 1) : span / 2);
  };
  std::vector<RectD> places;
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t column = 0; column < columns; ++column) {
      places.push_back({at(column, columns, size.width - window.width),
                        at(row, rows, size.height - window.height), static_cast<double>(window.width),
                        static_cast<double>(window.height)});
    }
  }
  return read_sample(reader, places, window);
}

WhiteLevel estimate_white_level(const Image8& pixels) {
  require_rgb(pixels);
  struct Bright {
    int sum;
    std::array<std::uint8_t, 3> rgb;
  };
  std::vector<Bright> pale;
  const std::uint8_t* p = pixels.data();
  const auto total = pixels.width() * pixels.height();
  for (std::int64_t i = 0; i < total; ++i, p += 3) {
    const auto [low, high] = std::minmax({p[0], p[1], p[2]});
    if (low >= kPale && high - low <= kNearlyGrey) pale.push_back({p[0] + p[1] + p[2], {p[0], p[1], p[2]}});
  }
  if (static_cast<double>(pale.size()) < std::max(1.0, kLeastGlass * static_cast<double>(total)))
    return {255, 255, 255};
  const auto count =
      std::max<std::size_t>(1, static_cast<std::size_t>(kBrightShare * static_cast<double>(pale.size())));
  std::nth_element(
      pale.begin(), pale.begin() + static_cast<std::ptrdiff_t>(count - 1), pale.end(),
      [](const Bright& a, const Bright& b) { return a.sum != b.sum ? a.sum > b.sum : a.rgb > b.rgb; });
  WhiteLevel white{};
  for (std::size_t c = 0; c < 3; ++c) {
    std::vector<std::uint8_t> levels;
    for (std::size_t i = 0; i < count; ++i) levels.push_back(pale[i].rgb[c]);
    std::nth_element(levels.begin(), levels.begin() + static_cast<std::ptrdiff_t>(count / 2), levels.end());
    white[c] = levels[count / 2];
  }
  return white;
}

std::vector<Density> stained_densities(const Image8& pixels, const WhiteLevel& white, double min_od) {
  require_rgb(pixels);
  const auto tables = density_tables(white);
  std::vector<Density> stained;
  const std::uint8_t* p = pixels.data();
  for (std::int64_t i = 0; i < pixels.width() * pixels.height(); ++i, p += 3) {
    const Density od{tables[0][p[0]], tables[1][p[1]], tables[2][p[2]]};
    const float length = std::sqrt(od[0] * od[0] + od[1] * od[1] + od[2] * od[2]);
    if (length >= static_cast<float>(min_od) && std::max({od[0], od[1], od[2]}) < kDarkest &&
        is_mixture_of_dyes(od))
      stained.push_back(od);
  }
  return stained;
}

}  // namespace imaging
