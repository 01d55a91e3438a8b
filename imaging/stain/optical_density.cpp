#include "imaging/stain/optical_density.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "imaging/base/error.h"

namespace imaging {
namespace {

void require(int channels, int wanted, double white_level) {
  if (channels != wanted) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("Stain arithmetic needs {} channels, the image has {}.", wanted, channels));
  }
  if (!(white_level > 0)) {
    throw Error(ErrorCode::invalid_argument, fmt::format("White level is {}, must be above 0.", white_level));
  }
}

double dot(const std::array<double, 3>& a, const std::array<double, 3>& b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

}  // namespace

std::array<std::array<float, 256>, 3> density_tables(const WhiteLevel& white) {
  std::array<std::array<float, 256>, 3> tables;
  for (std::size_t c = 0; c < 3; ++c) {
    for (std::size_t level = 0; level < 256; ++level)
      tables[c][level] =
          static_cast<float>(-std::log10(std::max(1.0, static_cast<double>(level)) / white[c]));
  }
  return tables;
}

std::array<std::array<double, 3>, 2> pseudo_inverse(const StainVectors& stains) {
  const auto& [h, e] = stains.rows;
  const double hh = dot(h, h);
  const double ee = dot(e, e);
  const double he = dot(h, e);
  const double determinant = hh * ee - he * he;
  if (!(determinant > 1e-9)) {
    throw Error(ErrorCode::invalid_argument,
                "The two stain vectors are parallel, so they cannot be told apart.");
  }
  std::array<std::array<double, 3>, 2> inverse{};
  for (std::size_t c = 0; c < 3; ++c) {
    inverse[0][c] = (ee * h[c] - he * e[c]) / determinant;
    inverse[1][c] = (hh * e[c] - he * h[c]) / determinant;
  }
  return inverse;
}

ImageF optical_density(const Image8& image, double white_level) {
  require(image.channels(), 3, white_level);
  const auto table = density_tables({white_level, white_level, white_level})[0];
  ImageF density(image.width(), image.height(), 3);
  std::transform(image.values().begin(), image.values().end(), density.values().begin(),
                 [&](std::uint8_t level) { return table[level]; });
  return density;
}

ImageF decompose_stains(const Image8& image, const StainVectors& stains, double white_level) {
  const auto inverse = pseudo_inverse(stains);
  std::array<float, 3> to_h{};
  std::array<float, 3> to_e{};
  for (std::size_t c = 0; c < 3; ++c) {
    to_h[c] = static_cast<float>(inverse[0][c]);
    to_e[c] = static_cast<float>(inverse[1][c]);
  }
  const ImageF density = optical_density(image, white_level);
  ImageF amounts(image.width(), image.height(), 2);
  const float* from = density.data();
  float* to = amounts.data();
  for (std::int64_t i = 0; i < image.width() * image.height(); ++i, from += 3, to += 2) {
    to[0] = from[0] * to_h[0] + from[1] * to_h[1] + from[2] * to_h[2];
    to[1] = from[0] * to_e[0] + from[1] * to_e[1] + from[2] * to_e[2];
  }
  return amounts;
}

Image8 compose_stains(const ImageF& amounts, const StainVectors& stains, double white_level) {
  require(amounts.channels(), 2, white_level);
  Image8 image(amounts.width(), amounts.height(), 3);
  const float* from = amounts.data();
  std::uint8_t* to = image.data();
  for (std::int64_t i = 0; i < amounts.width() * amounts.height(); ++i, from += 2, to += 3) {
    for (std::size_t c = 0; c < 3; ++c) {
      const double density =
          static_cast<double>(from[0]) * stains.rows[0][c] + static_cast<double>(from[1]) * stains.rows[1][c];
      const double level = white_level * std::pow(10.0, -density);
      to[c] = static_cast<std::uint8_t>(std::lround(std::clamp(level, 0.0, 255.0)));
    }
  }
  return image;
}

}  // namespace imaging
