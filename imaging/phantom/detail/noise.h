#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "imaging/base/random.h"

namespace imaging::detail {

/// Smooth random field in about [-1, 1] with features one unit wide: bilinear between random values on whole
/// coordinates. Repeats after 256 units; arguments must be above -4096.
class Noise {
 public:
  explicit Noise(std::uint64_t seed) : values_(256 * 256) {
    Random random(seed, /*stream=*/0x4e01);
    for (float& value : values_) value = static_cast<float>(random.uniform(-1.0, 1.0));
  }

  [[nodiscard]] float operator()(float x, float y) const {
    x += 4096.0F;
    y += 4096.0F;
    const int column = static_cast<int>(x);
    const int row = static_cast<int>(y);
    float fx = x - static_cast<float>(column);
    float fy = y - static_cast<float>(row);
    fx = fx * fx * (3 - 2 * fx);
    fy = fy * fy * (3 - 2 * fy);
    const float* upper = values_.data() + ((row & 255) << 8);
    const float* lower = values_.data() + (((row + 1) & 255) << 8);
    const int left = column & 255;
    const int right = (column + 1) & 255;
    const float above = upper[left] + fx * (upper[right] - upper[left]);
    const float below = lower[left] + fx * (lower[right] - lower[left]);
    return above + fy * (below - above);
  }

  /// The same on the grid's axes and on turned ones, so that the grid does not show.
  [[nodiscard]] float round(float x, float y) const {
    return 0.7F * ((*this)(x, y) + (*this)(0.8F * x - 0.6F * y + 37.3F, 0.6F * x + 0.8F * y + 11.9F));
  }

  /// Three octaves, still about [-1, 1].
  [[nodiscard]] float octaves(float x, float y) const {
    return 0.6F * round(x, y) + 0.3F * round(x * 2.03F + 17.3F, y * 2.03F + 5.1F) +
           0.15F * (*this)(x * 4.01F + 31.7F, y * 4.01F + 71.9F);
  }

 private:
  std::vector<float> values_;
};

[[nodiscard]] inline float smooth_step(float low, float high, float value) {
  float t = (value - low) / (high - low);
  t = t < 0 ? 0 : (t > 1 ? 1 : t);
  return t * t * (3 - 2 * t);
}

[[nodiscard]] inline float mix(float from, float to, float share) {
  return from + share * (to - from);
}

}  // namespace imaging::detail
