#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "app/workflows/analyze.h"
#include "app/workflows/batch.h"
#include "app/workflows/corrupt_tiles.h"
#include "app/workflows/reading.h"
#include "app/workflows/stain.h"
#include "imaging/tiling/tile_grid.h"

namespace workflows {

struct TileRequest {
  InputOptions inputs;
  std::filesystem::path out;
  imaging::TileGridOptions grid;
  imaging::TissueOptions tissue;
  StainOptions stain;          ///< of the pictures
  bool pictures = false;       ///< writes every tile as a picture
  CorruptTileOptions corrupt;  ///< of the pictures
  ReadingOptions reading;
  RuntimeOptions runtime;
};

/// For every input: OUT/patches/<case>.h5 (coords as CLAM reads them), OUT/tissue/<case>.geojson,
/// OUT/stitches/<case>.png; with `pictures`, OUT/tiles/<case>/<x>_<y>.png, named by the tile's corner in
/// level-0 pixels; and OUT/tile.json with one row per input, failures included.
/// @throws Error   only for what concerns the whole run; Cancelled.
std::vector<BatchRow> tile_slides(const TileRequest& request,
                                  const std::function<void(const BatchRow&)>& on_row,
                                  const imaging::JobContext& job);

}  // namespace workflows
