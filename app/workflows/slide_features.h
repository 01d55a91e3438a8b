#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/workflows/case_folder.h"
#include "app/workflows/corrupt_tiles.h"
#include "app/workflows/inputs.h"
#include "app/workflows/stain.h"
#include "imaging/base/job.h"
#include "imaging/slide/slide_reader.h"
#include "imaging/tiling/tile_grid.h"
#include "imaging/tissue/tissue_mask.h"
#include "mil/bags/bag.h"
#include "mil/bags/bag_store.h"
#include "models/encoders/encoder.h"

namespace workflows {

/// The resolution to tile at: the one wanted, but one tile pixel per level-0 pixel where the scale is
/// "pixels".
[[nodiscard]] double tile_mpp_on(const imaging::SlideScale& scale, double wanted_mpp);

/// The grid over a slide's tissue.
/// @throws Error `no_tissue` naming the file where no tile is left; as TileGrid.
[[nodiscard]] imaging::TileGrid tissue_grid(const imaging::SlideInfo& info, const imaging::SlideScale& scale,
                                            const imaging::TileGridOptions& options,
                                            const imaging::TissueMask& tissue);

/// A sentence for each reason that took more than 5 % of the tissue out of the mask.
[[nodiscard]] std::vector<std::string> rejection_warnings(const imaging::TissueRejections& rejected);

/// What a person must know of this scale, e.g. that it was given as pixels; empty where nothing.
/// @param spacing    of the model, µm/px
/// @param tolerance  relative
/// @throws Error `scale_mismatch` if the slide is coarser than spacing by more than tolerance, unless
/// `allow`.
[[nodiscard]] std::vector<std::string> check_scale(const imaging::SlideScale& scale, double spacing,
                                                   double tolerance, bool allow);

/// Which tiles of a slide were encoded.
struct EncodedTiles {
  std::vector<std::int64_t> numbers;  ///< of the good tiles in TileGrid::tiles(), in grid order
  std::vector<CorruptTileEntry> corrupt;
};

/// Reads, decodes and encodes every tile of the grid, one row of the bag per good tile, in grid order.
/// Batches are cut by grid order alone. Reports "tiles".
/// @param stain    how tiles are changed before the encoder's own transform, if at all
/// @param batch    tiles per network call
/// @param decode   workers that read
/// @throws Error   as Encoder::encode; `corrupt_data` as soon as the share of corrupt tiles is sure to exceed
/// what `damage` allows, or where all are; Cancelled.
[[nodiscard]] EncodedTiles encode_tiles(const imaging::SlideReader& reader, const imaging::TileGrid& grid,
                                        models::Encoder& encoder, const SlideStain& stain, std::int64_t batch,
                                        const CorruptTileOptions& damage, int decode, mil::BagWriter& bag,
                                        const imaging::JobContext& job);

/// Attributes of `coords` as CLAM and TRIDENT name them. Paths stay empty.
/// @param level0_patches  true for coordinates alone, which CLAM reads at level 0 (patch_size in level-0
/// pixels); false for
///                        features, where patch_size is the tile's side in pixels and downsample leads back
///                        to level 0
[[nodiscard]] std::map<std::string, mil::CoordsAttribute> coords_attributes(const imaging::TileGrid& grid,
                                                                            const imaging::SlideInfo& info,
                                                                            const std::string& case_name,
                                                                            bool level0_patches);

/// Level-0 corners of the given tiles, rounded to whole pixels, [N, 2].
[[nodiscard]] std::vector<std::int64_t> tile_corners(const imaging::TileGrid& grid,
                                                     const std::vector<std::int64_t>& numbers);

}  // namespace workflows
