#include "imaging/tiling/tile_grid.h"

#include <fmt/format.h>

#include <cmath>

#include "imaging/base/error.h"

namespace imaging {
namespace {

constexpr double kMaxTiles = 2147483648.0;  // 2^31
constexpr double kEpsilon = 1e-9;           // of a stride: a slide of whole strides gets no empty extra tile

/// Fewest tiles that cover the length.
double tiles_along(std::int64_t length_l0, double side_l0, double stride_l0) {
  return std::max(1.0, std::ceil((static_cast<double>(length_l0) - side_l0) / stride_l0 - kEpsilon) + 1);
}

}  // namespace

TileGrid::TileGrid(SizeI slide_size_l0, const SlideScale& scale, const TileGridOptions& options,
                   const TissueMask* tissue)
    : options_(options), slide_size_l0_(slide_size_l0), scale_(scale) {
  check_options(options);
  if (options.overlap_px >= options.tile_px) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("Option overlap_px is {}, not less than tile_px, {}.", options.overlap_px,
                            options.tile_px));
  }
  const PointD pixel_l0{options.tile_mpp / scale.mpp_x, options.tile_mpp / scale.mpp_y};
  const auto side = static_cast<double>(options.tile_px);
  const auto stride = static_cast<double>(options.tile_px - options.overlap_px);
  side_l0_ = {side * pixel_l0.x, side * pixel_l0.y};
  stride_l0_ = {stride * pixel_l0.x, stride * pixel_l0.y};
  const double columns = tiles_along(slide_size_l0.width, side_l0_.x, stride_l0_.x);
  const double rows = tiles_along(slide_size_l0.height, side_l0_.y, stride_l0_.y);
  if (!(columns * rows <= kMaxTiles)) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{:.0f} x {:.0f} tiles are more than 2^31; use larger tiles or less overlap.",
                            columns, rows));
  }
  columns_ = static_cast<std::int64_t>(columns);
  rows_ = static_cast<std::int64_t>(rows);
  for (std::int64_t row = 0; row < rows_; ++row) {
    for (std::int64_t column = 0; column < columns_; ++column) {
      const TileIndex index{column, row};
      if (tissue == nullptr || tissue->fraction(rect_l0(index)) >= options.min_tissue)
        tiles_.push_back(index);
    }
  }
  if (tiles_.empty()) {
    throw Error(ErrorCode::no_tissue, fmt::format("No tile of the {} x {} of the grid holds {:.0f} % tissue; "
                                                  "lower --min-tissue or --sthresh if there is any.",
                                                  columns_, rows_, 100 * options.min_tissue));
  }
}

}  // namespace imaging
