#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "imaging/base/image.h"

namespace imaging::detail {

enum class Neighbours { four, eight };

/// Connected regions of a mask as runs of pixels, so that memory follows their outlines and not their area.
/// Regions are numbered by their first pixel in row order.
class Regions {
 public:
  struct Run {
    std::int32_t y = 0;
    std::int32_t begin = 0;
    std::int32_t end = 0;  ///< one past the last pixel
    std::int32_t region = 0;
  };
  struct Region {
    std::int64_t area = 0;
    std::int32_t left = 0, top = 0, right = 0, bottom = 0;  ///< right and bottom are one past the last pixel
  };

  /// @param mask          H x W x 1
  /// @param has_non_zero  whether the regions are those of the pixels that are not 0, or of those that are
  Regions(const Image8& mask, Neighbours neighbours, bool has_non_zero = true);

  [[nodiscard]] const std::vector<Run>& runs() const { return runs_; }  ///< in row order
  /// Those of the rows from `top` up to, not including, `bottom`.
  [[nodiscard]] std::span<const Run> runs_of_rows(std::int64_t top, std::int64_t bottom) const;
  [[nodiscard]] const std::vector<Region>& regions() const { return regions_; }
  /// The region of a pixel; the pixel must belong to one.
  [[nodiscard]] std::int32_t at(std::int64_t x, std::int64_t y) const;
  /// Sets the pixels of all regions for which `is_meant` to `value`.
  template <typename IsMeant>
  void paint(Image8& image, std::uint8_t value, IsMeant&& is_meant) const {
    for (const auto& run : runs_) {
      if (is_meant(run.region)) std::fill(image.row(run.y) + run.begin, image.row(run.y) + run.end, value);
    }
  }

 private:
  std::vector<Run> runs_;
  std::vector<std::size_t> first_of_row_;  // H + 1
  std::vector<Region> regions_;
};

}  // namespace imaging::detail
