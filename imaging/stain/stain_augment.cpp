#include "imaging/stain/stain_augment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "imaging/base/error.h"
#include "imaging/stain/detail/level_table.h"
#include "imaging/stain/optical_density.h"
#include "imaging/stain/reinhard.h"

namespace imaging {
namespace {

/// Rows: haematoxylin, eosin, DAB. [ruifrok2001]
constexpr Matrix3 kDyes{{kRuifrokStains.rows[0], kRuifrokStains.rows[1], {0.268, 0.570, 0.776}}};
constexpr double kDirectionSpread = 0.3;  ///< of a unit vector's entries, at strength 1
constexpr double kLightSpread = 0.0434;   ///< OD, at strength 1: a tenth in natural logarithms

}  // namespace

StainAugmentation::StainAugmentation(const StainAugmentOptions& options, Random& random) {
  check_options(options);
  static const Matrix3 taken_apart = invert(kDyes);
  const double spread = options.stain_augment;
  Matrix3 dyes = kDyes;
  for (auto& dye : dyes) {
    double length = 0;
    for (auto& value : dye) {
      value = std::max(0.0, value + random.normal(0, kDirectionSpread * spread));
      length += value * value;
    }
    const double strength = std::exp(random.normal(0, spread));
    for (auto& value : dye) value *= strength / std::max(1e-3, std::sqrt(length));
  }
  for (std::size_t c = 0; c < 3; ++c) {
    for (std::size_t j = 0; j < 3; ++j) {
      double sum = 0;
      for (std::size_t k = 0; k < 3; ++k) sum += dyes[k][c] * taken_apart[j][k];
      change_[c][j] = static_cast<float>(sum);
    }
    light_[c] = static_cast<float>(random.normal(0, kLightSpread * spread));
  }
}

void StainAugmentation::apply(Image8& tile) const {
  if (tile.channels() != 3) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("Stain augmentation needs 3 channels, the tile has {}.", tile.channels()));
  }
  static const auto densities = density_tables({255, 255, 255})[0];
  static const detail::LevelTable level_of(255);
  std::uint8_t* p = tile.data();
  for (std::uint8_t* const end = p + tile.values().size(); p != end; p += 3) {
    const std::array<float, 3> od{densities[p[0]], densities[p[1]], densities[p[2]]};
    for (std::size_t c = 0; c < 3; ++c)
      p[c] = level_of(change_[c][0] * od[0] + change_[c][1] * od[1] + change_[c][2] * od[2] + light_[c]);
  }
}

}  // namespace imaging
