#pragma once

#include <concepts>
#include <cstdint>
#include <vector>

#include "imaging/base/geometry.h"
#include "imaging/base/options.h"
#include "imaging/slide/slide_reader.h"
#include "imaging/tissue/tissue_mask.h"

namespace imaging {

struct TileGridOptions {
  double tile_mpp = 0.5;        ///< µm per tile pixel
  std::int64_t tile_px = 256;   ///< side of a tile
  std::int64_t overlap_px = 0;  ///< shared by neighbours
  double min_tissue = 0.25;     ///< least share of tissue
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, TileGridOptions>
void visit_fields(Visitor&& field, Options& options) {
  field("tile_mpp", options.tile_mpp,
        FieldInfo{.unit = "um/px", .help = "Resolution of the tiles", .min = 0.01, .max = 100});
  field("tile_px", options.tile_px, FieldInfo{.unit = "px", .help = "Side of a tile", .min = 8, .max = 8192});
  field("overlap_px", options.overlap_px,
        FieldInfo{.unit = "px", .help = "Overlap of neighbouring tiles", .min = 0, .max = 8191});
  field("min_tissue", options.min_tissue,
        FieldInfo{.help = "Least share of tissue in a tile", .min = 0, .max = 1});
}

struct TileIndex {
  std::int64_t column = 0;
  std::int64_t row = 0;
  bool operator==(const TileIndex&) const = default;
};

/// Tiles of exact physical size over a slide; positions are computed from the index, never by adding strides.
/// Tiles may reach over the right and bottom edge, where they are white. Row-major order.
class TileGrid {
 public:
  /// @param tissue  null for all tiles
  /// @throws Error  `invalid_argument` where overlap_px >= tile_px, or more than 2^31 tiles result;
  ///                `no_tissue` if no tile passes (a named outcome, never an empty result).
  TileGrid(SizeI slide_size_l0, const SlideScale& scale, const TileGridOptions& options,
           const TissueMask* tissue);

  [[nodiscard]] std::int64_t columns() const { return columns_; }  ///< of the whole grid
  [[nodiscard]] std::int64_t rows() const { return rows_; }
  [[nodiscard]] const std::vector<TileIndex>& tiles() const { return tiles_; }
  [[nodiscard]] RectD rect_l0(TileIndex index) const {
    return {static_cast<double>(index.column) * stride_l0_.x, static_cast<double>(index.row) * stride_l0_.y,
            side_l0_.x, side_l0_.y};
  }
  [[nodiscard]] PointD side_l0() const { return side_l0_; }      ///< level-0 pixels, x and y apart
  [[nodiscard]] PointD stride_l0() const { return stride_l0_; }  ///< level-0 pixels, x and y apart
  [[nodiscard]] const TileGridOptions& options() const { return options_; }
  [[nodiscard]] SizeI slide_size_l0() const { return slide_size_l0_; }
  [[nodiscard]] const SlideScale& scale() const { return scale_; }

 private:
  TileGridOptions options_;
  SizeI slide_size_l0_;
  SlideScale scale_;
  PointD side_l0_;
  PointD stride_l0_;
  std::int64_t columns_ = 0;
  std::int64_t rows_ = 0;
  std::vector<TileIndex> tiles_;
};

}  // namespace imaging
