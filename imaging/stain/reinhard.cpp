#include "imaging/stain/reinhard.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>

#include "imaging/base/error.h"
#include "imaging/stain/macenko.h"

namespace imaging {
namespace {

Matrix3 grey_keeping_lms() {
  Matrix3 m{{{0.3811, 0.5783, 0.0402}, {0.1967, 0.7244, 0.0782}, {0.0241, 0.1288, 0.8444}}};
  for (auto& row : m) {
    const double sum = row[0] + row[1] + row[2];
    for (auto& value : row) value /= sum;
  }
  return m;
}

Matrix3 decorrelation() {
  const double a = 1 / std::sqrt(3.0), b = 1 / std::sqrt(6.0), c = 1 / std::sqrt(2.0);
  return {{{a, a, a}, {b, b, -2 * b}, {c, -c, 0}}};
}

}  // namespace

const Matrix3& rgb_to_lms() {
  static const Matrix3 matrix = grey_keeping_lms();
  return matrix;
}

const Matrix3& log_lms_to_lab() {
  static const Matrix3 matrix = decorrelation();
  return matrix;
}

Matrix3 invert(const Matrix3& matrix) {
  cv::Matx33d m;
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j) m(i, j) = matrix[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)];
  }
  bool is_regular = false;
  const auto inverse = m.inv(cv::DECOMP_LU, &is_regular);
  if (!is_regular) throw Error(ErrorCode::invalid_argument, "The matrix is singular.");
  Matrix3 result{};
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j)
      result[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)] = inverse(i, j);
  }
  return result;
}

ColourStatistics measure_colours(const Image8& pixels, const WhiteLevel& white, std::int64_t min_pixels) {
  const auto densities = stained_densities(pixels, white, kStainedOd);
  const auto count = static_cast<std::int64_t>(densities.size());
  if (count < min_pixels) {
    throw Error(ErrorCode::insufficient_data,
                fmt::format("{} stained pixels were found, {} are needed to measure their colours.", count,
                            min_pixels));
  }
  const auto& to_lms = rgb_to_lms();
  const auto& to_lab = log_lms_to_lab();
  std::array<double, 3> sum{}, squares{};
  for (const auto& od : densities) {
    std::array<double, 3> rgb{}, log_lms{};
    for (std::size_t c = 0; c < 3; ++c) rgb[c] = white[c] * std::pow(10.0, -static_cast<double>(od[c]));
    for (std::size_t i = 0; i < 3; ++i)
      log_lms[i] = std::log10(to_lms[i][0] * rgb[0] + to_lms[i][1] * rgb[1] + to_lms[i][2] * rgb[2]);
    for (std::size_t i = 0; i < 3; ++i) {
      const double value = to_lab[i][0] * log_lms[0] + to_lab[i][1] * log_lms[1] + to_lab[i][2] * log_lms[2];
      sum[i] += value;
      squares[i] += value * value;
    }
  }
  ColourStatistics statistics{};
  for (std::size_t i = 0; i < 3; ++i) {
    statistics.mean[i] = sum[i] / static_cast<double>(count);
    statistics.deviation[i] = std::sqrt(
        std::max(1e-8, squares[i] / static_cast<double>(count) - statistics.mean[i] * statistics.mean[i]));
  }
  return statistics;
}

}  // namespace imaging
