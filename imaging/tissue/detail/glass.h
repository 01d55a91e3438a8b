#pragma once

#include <array>

#include "imaging/base/image.h"

namespace imaging::detail {

/// Optical density (base 10) by grey level and channel, over the picture's own glass: the 99th percentile of
/// each channel, at least 200.
class GlassDensity {
 public:
  /// @param rgb  H x W x 3
  explicit GlassDensity(const Image8& rgb);
  [[nodiscard]] std::array<float, 3> operator()(const std::uint8_t* pixel) const {
    return {tables_[0][pixel[0]], tables_[1][pixel[1]], tables_[2][pixel[2]]};
  }

 private:
  std::array<std::array<float, 256>, 3> tables_;
};

}  // namespace imaging::detail
