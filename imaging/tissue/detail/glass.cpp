#include "imaging/tissue/detail/glass.h"

#include <algorithm>
#include <cmath>

namespace imaging::detail {
namespace {

constexpr std::int64_t kLeastWhite = 200;

}  // namespace

GlassDensity::GlassDensity(const Image8& rgb) {
  std::array<std::array<std::int64_t, 256>, 3> histograms{};
  const auto count = rgb.width() * rgb.height();
  const auto* pixel = rgb.data();
  for (std::int64_t i = 0; i < count; ++i, pixel += 3) {
    for (std::size_t c = 0; c < 3; ++c) ++histograms[c][pixel[c]];
  }
  for (std::size_t c = 0; c < 3; ++c) {
    std::int64_t white = 255;
    for (std::int64_t above = 0; white > kLeastWhite; --white) {
      above += histograms[c][static_cast<std::size_t>(white)];
      if (100 * above >= count) break;
    }
    for (std::size_t level = 0; level < 256; ++level) {
      tables_[c][level] = static_cast<float>(
          std::max(0.0, -std::log10(std::max(1.0, static_cast<double>(level)) / static_cast<double>(white))));
    }
  }
}

}  // namespace imaging::detail
