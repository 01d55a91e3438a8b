#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "imaging/base/geometry.h"
#include "imaging/base/image.h"

namespace imaging {

/// A connected piece of a region (8 neighbours). Right and bottom are one past its last pixel.
struct LabelPiece {
  std::int64_t pixels = 0;
  std::int64_t left = 0, top = 0, right = 0, bottom = 0;
};

/// What is counted of one region of a label map.
struct RegionCount {
  std::int64_t pixels = 0;   ///< all of it, small pieces included
  std::int64_t objects = 0;  ///< pieces of at least the least size
  LabelPiece largest;        ///< the first of the largest ones; empty where there is none
};

/// Counts pixels and connected pieces of regions while rows come by, top to bottom.
///
/// @par Threads  One thread at a time.
/// @par Cost     Memory: the runs of two rows and 48 bytes for every piece so far; time proportional to runs.
class LabelCounter {
 public:
  /// @param regions           the labels of each region; a label may be in several
  /// @param min_object_pixels pieces with fewer are not counted as objects
  LabelCounter(std::int64_t width, std::vector<std::vector<std::uint8_t>> regions,
               std::int64_t min_object_pixels);
  ~LabelCounter();
  LabelCounter(const LabelCounter&) = delete;
  LabelCounter& operator=(const LabelCounter&) = delete;

  /// @param rows  width x any x 1
  void add_rows(const Image8& rows);
  /// One entry per region, in their order.
  [[nodiscard]] std::vector<RegionCount> counts() const;

 private:
  class Pieces;
  std::int64_t width_;
  std::int64_t min_object_pixels_;
  std::int64_t y_ = 0;
  std::vector<Pieces> regions_;
};

}  // namespace imaging
