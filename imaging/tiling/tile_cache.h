#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "imaging/base/geometry.h"
#include "imaging/base/image.h"
#include "imaging/slide/slide_reader.h"

namespace imaging {

/// Tiles a viewer draws. View level k has one pixel per 2^k level-0 pixels, whatever levels the file has; its
/// tiles are kViewTilePx wide and high and start at multiples of that.
inline constexpr std::int64_t kViewTilePx = 256;

/// Names one view tile of one source of a TileCache.
struct ViewTileKey {
  std::uint32_t source = 0;
  int level = 0;
  std::int64_t column = 0;
  std::int64_t row = 0;
  auto operator<=>(const ViewTileKey&) const = default;
};

/// Level-0 pixels that a tile covers; reaches over the right and bottom edge of the slide.
[[nodiscard]] RectD view_tile_rect_l0(const ViewTileKey& key);

/// A decoded view tile, or the reason why there is none.
struct ViewTile {
  Image8 bgrx;  ///< H x W x 4: blue, green, red, 255, as 32-bit rasters want it; cut at the slide's edge
  std::string error;  ///< set where the region does not decode; `bgrx` is empty then
  [[nodiscard]] bool is_damaged() const { return !error.empty(); }
};

struct TileCacheCounters {
  std::int64_t hits = 0;     ///< find() that found
  std::int64_t misses = 0;   ///< find() that did not
  std::int64_t loads = 0;    ///< tiles decoded, damaged ones included
  std::int64_t damaged = 0;  ///< of these, those that did not decode
  std::int64_t dropped = 0;  ///< wishes withdrawn before their decoding began
  std::int64_t evicted = 0;
  std::int64_t bytes = 0;       ///< held now
  std::int64_t peak_bytes = 0;  ///< largest ever held
  std::int64_t waits = 0;       ///< wishes that a load fulfilled; several viewers may wait for one load
  double wait_ms = 0;           ///< from wish to arrival, summed over the waits
};

/// Loads view tiles on its own threads and keeps the last used ones within a number of bytes.
///
/// Each viewer states what it sees, most wanted first; what it no longer sees is dropped before it is
/// decoded. The viewer that spoke last is served first. However many viewers want a tile, it is decoded once.
/// A slide whose reads take longer than a second (a network folder that stalls) gets no further thread until
/// it answers, and others come in for those that wait, so that the other slides go on.
///
/// @par Threads  All members may be called from several threads; none of them decodes or waits for a
/// decoding.
class TileCache {
 public:
  /// Called on a loading thread, one call at a time; must not call the cache.
  using Arrived = std::function<void(const ViewTileKey&)>;

  /// One who looks. Its callback is never called after its destruction. Must not outlive the cache.
  class Viewer {
   public:
    ~Viewer();
    Viewer(const Viewer&) = delete;
    Viewer& operator=(const Viewer&) = delete;
    /// Replaces what this viewer wants. Tiles already held or being decoded cost nothing.
    void want(std::span<const ViewTileKey> keys);

   private:
    friend class TileCache;
    Viewer(TileCache& cache, std::uint64_t number) : cache_(cache), number_(number) {}
    TileCache& cache_;
    std::uint64_t number_;
  };

  /// @throws Error  `invalid_argument` unless max_bytes >= 0 and workers >= 1
  TileCache(std::int64_t max_bytes, int workers);
  ~TileCache();  ///< withdraws all wishes; returns within one tile's decoding
  TileCache(const TileCache&) = delete;
  TileCache& operator=(const TileCache&) = delete;

  /// The number under which a slide's tiles are kept. The same file (path, size, time of change, quick_hash)
  /// gives the same number while it is held; a changed file gives another, so stale pixels are never shown.
  [[nodiscard]] std::uint32_t add_source(std::shared_ptr<const SlideReader> reader);
  /// Forgets a slide and its tiles. Calls pair with those of add_source.
  void remove_source(std::uint32_t source);

  [[nodiscard]] std::unique_ptr<Viewer> make_viewer(Arrived arrived);

  /// The tile where it is held, else null; starts nothing.
  [[nodiscard]] std::shared_ptr<const ViewTile> find(const ViewTileKey& key);
  [[nodiscard]] TileCacheCounters counters() const;
  [[nodiscard]] std::int64_t max_bytes() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace imaging
