#pragma once

#include <cstdint>

namespace imaging {

/// Frames: a suffix `_l0` means level-0 pixels, x right, y down, origin at the slide's top left corner.
struct PointD {
  double x = 0;
  double y = 0;
  bool operator==(const PointD&) const = default;
};

struct SizeI {
  std::int64_t width = 0;
  std::int64_t height = 0;
  bool operator==(const SizeI&) const = default;
};

/// Half-open rectangle [x, x + width) x [y, y + height).
struct RectD {
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;
  [[nodiscard]] double right() const { return x + width; }
  [[nodiscard]] double bottom() const { return y + height; }
  bool operator==(const RectD&) const = default;
};

}  // namespace imaging
