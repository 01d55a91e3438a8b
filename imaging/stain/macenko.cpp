#include "imaging/stain/macenko.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <opencv2/core.hpp>
#include <vector>

#include "imaging/base/error.h"

namespace imaging {
namespace {

using Vector = std::array<double, 3>;

constexpr double kLeastAngle = 6.0;  ///< degrees between the stains; less is the noise of a single one

double dot(const Vector& a, const Vector& b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/// The two directions in which densities vary most, from the origin; the first points into the densities.
std::array<Vector, 2> fit_plane(std::span<const Density> densities) {
  cv::Matx33d moments = cv::Matx33d::zeros();
  for (const auto& od : densities) {
    for (int i = 0; i < 3; ++i) {
      for (int j = 0; j < 3; ++j)
        moments(i, j) += static_cast<double>(od[static_cast<std::size_t>(i)]) *
                         static_cast<double>(od[static_cast<std::size_t>(j)]);
    }
  }
  cv::Mat values, vectors;
  cv::eigen(moments, values, vectors);
  std::array<Vector, 2> plane;
  for (int k = 0; k < 2; ++k) {
    auto& axis = plane[static_cast<std::size_t>(k)];
    for (int c = 0; c < 3; ++c) axis[static_cast<std::size_t>(c)] = vectors.at<double>(k, c);
    if (axis[0] + axis[1] + axis[2] < 0) {
      for (auto& value : axis) value = -value;
    }
  }
  return plane;
}

Vector direction(const std::array<Vector, 2>& plane, double angle) {
  Vector v{};
  for (std::size_t c = 0; c < 3; ++c)
    v[c] = std::max(0.0, plane[0][c] * std::cos(angle) + plane[1][c] * std::sin(angle));
  const double length = std::sqrt(dot(v, v));
  for (auto& value : v) value /= length;
  return v;
}

}  // namespace

StainVectors estimate_macenko(std::span<const Density> densities, const MacenkoOptions& options) {
  const auto count = static_cast<std::int64_t>(densities.size());
  if (count < options.min_pixels) {
    throw Error(ErrorCode::insufficient_data,
                fmt::format("{} stained pixels were found, {} are needed to find the stains.", count,
                            options.min_pixels));
  }
  const auto plane = fit_plane(densities);
  std::vector<float> angles;
  angles.reserve(densities.size());
  for (const auto& od : densities) {
    const Vector v{od[0], od[1], od[2]};
    angles.push_back(static_cast<float>(std::atan2(dot(v, plane[1]), dot(v, plane[0]))));
  }
  const auto trimmed =
      static_cast<std::ptrdiff_t>(options.robust_percentile / 100 * static_cast<double>(count - 1));
  const auto low = angles.begin() + trimmed;
  std::nth_element(angles.begin(), low, angles.end());
  const double first_angle = *low;
  const auto high = angles.end() - 1 - trimmed;
  std::nth_element(angles.begin(), high, angles.end());
  const double second_angle = *high;
  if (second_angle - first_angle < kLeastAngle * std::numbers::pi / 180) {
    throw Error(ErrorCode::insufficient_data,
                "The stained pixels show one colour only, so two stains cannot be told apart.");
  }
  StainVectors stains{{direction(plane, first_angle), direction(plane, second_angle)}};
  if (stains.rows[0][0] < stains.rows[1][0]) std::swap(stains.rows[0], stains.rows[1]);
  return stains;
}

}  // namespace imaging
