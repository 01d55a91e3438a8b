#pragma once

#include <cstdint>
#include <vector>

#include "imaging/base/geometry.h"
#include "imaging/phantom/detail/tissue_layout.h"

namespace imaging::detail {

/// Amounts of stain of one block of pixels, before any laboratory or scanner.
struct StainBlock {
  std::int64_t width = 0;
  std::int64_t height = 0;
  std::vector<float> haematoxylin;  ///< optical density along the stain's vector
  std::vector<float> eosin;         ///< optical density along the stain's vector
  bool is_glass = true;             ///< no tissue at all
};

/// Paints the pixels whose top left corner is (left, top) in level-0 pixels of `mpp` µm.
///
/// @par Threads  Reentrant.
[[nodiscard]] StainBlock paint_tissue(const TissueLayout& layout, double mpp, std::int64_t left,
                                      std::int64_t top, SizeI size);

}  // namespace imaging::detail
