#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace imaging::detail {

/// Turns optical densities into grey levels by a table: white * 10^-density, rounded.
class LevelTable {
 public:
  explicit LevelTable(double white) {
    for (std::size_t i = 0; i < levels_.size(); ++i) {
      const double density =
          static_cast<double>(i) / static_cast<double>(kSteps) - static_cast<double>(kBrightest);
      levels_[i] =
          static_cast<std::uint8_t>(std::lround(std::clamp(white * std::pow(10.0, -density), 0.0, 255.0)));
    }
  }
  [[nodiscard]] std::uint8_t operator()(float density) const {
    const float at = std::clamp((density + kBrightest) * kSteps + 0.5F, 0.0F, static_cast<float>(kSize - 1));
    return levels_[static_cast<std::size_t>(at)];
  }

 private:
  // A step of 1/4096 OD moves a grey level by at most 0.15; from 0.25 OD brighter than the glass to black.
  static constexpr float kSteps = 4096;
  static constexpr float kBrightest = 0.25F;
  static constexpr std::size_t kSize = 12'288;
  std::array<std::uint8_t, kSize> levels_;
};

}  // namespace imaging::detail
