#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "imaging/base/image.h"
#include "imaging/slide/slide_reader.h"
#include "imaging/tiling/tile_grid.h"

namespace imaging {

/// A decoded tile: `pixels` is tile_px x tile_px x 3 RGB8.
struct Tile {
  std::int64_t number = 0;  ///< position in TileGrid::tiles()
  Image8 pixels;
};

struct CorruptTile {
  std::int64_t number = 0;
  TileIndex index;
  std::string reason;
};

struct TileStreamOptions {
  int workers = 2;
  std::int64_t queue_tiles = 64;  ///< decoded tiles that may wait; bounds the memory
  double max_corrupt = 1;         ///< share of all tiles that may be corrupt
};

/// Decode workers in front of a bounded queue. Tiles come out in grid order whatever the number of workers;
/// each is decoded once; one that fails twice is left out and written in the ledger.
///
/// @par Threads  One consumer.
class TileStream {
 public:
  /// Keeps references: `reader` and `grid` must outlive the stream.
  TileStream(const SlideReader& reader, const TileGrid& grid, const TileStreamOptions& options,
             std::stop_token stop);
  ~TileStream();  ///< stops the workers; returns within one tile's decoding
  TileStream(const TileStream&) = delete;
  TileStream& operator=(const TileStream&) = delete;

  /// The next good tile; none at the end.
  /// @throws Error  `corrupt_data` as soon as more than `max_corrupt` of all tiles are sure to be corrupt;
  ///                what a read throws besides `corrupt_data`; Cancelled on a stop request.
  [[nodiscard]] std::optional<Tile> next();
  /// Tiles that could not be decoded among those passed so far, in grid order.
  [[nodiscard]] const std::vector<CorruptTile>& corrupt_tiles() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace imaging
