#include "imaging/slide/tiff_reader.h"

#include <cairo.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <openslide.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <list>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "imaging/base/error.h"
#include "imaging/slide/detail/jpeg_tile.h"
#include "imaging/slide/detail/region.h"
#include "imaging/slide/detail/tiff_directories.h"
#include "imaging/slide/detail/tiff_tiles.h"
#include "imaging/slide/openslide_reader.h"

namespace imaging {
namespace fs = std::filesystem;
namespace {

using detail::TiffTiles;

constexpr std::int64_t kBlock = 4096;       // OpenSlide draws a region in blocks of this many pixels
constexpr double kSnap = 1.0 / 512 - 1e-9;  // cairo takes a shift as whole within half of its unit, 1/256
constexpr std::int64_t kFarAway = std::int64_t{1} << 52;  // outside any slide, exact as a double
constexpr std::size_t kMaxLevels = 255;                   // of the cache's key
constexpr std::size_t kCacheBytes = 32 << 20;
constexpr std::uint64_t kHeaderBytes = 1 << 16;

/// A file read at any place from any thread.
class SharedFile {
 public:
  explicit SharedFile(const fs::path& path) : descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    struct stat facts {};
    if (descriptor_ < 0 || fstat(descriptor_, &facts) != 0) {
      const std::string why = std::strerror(errno);
      if (descriptor_ >= 0) close(descriptor_);
      throw Error(ErrorCode::io_error, fmt::format("{}: cannot be read: {}.", path.string(), why));
    }
    size_ = static_cast<std::uint64_t>(facts.st_size);
  }
  ~SharedFile() { close(descriptor_); }
  SharedFile(const SharedFile&) = delete;
  SharedFile& operator=(const SharedFile&) = delete;

  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] bool holds(std::uint64_t offset, std::uint64_t bytes) const {
    return offset <= size_ && bytes <= size_ - offset;
  }
  /// False where the file ends early or the disk fails.
  [[nodiscard]] bool read(std::uint64_t offset, std::span<std::uint8_t> bytes) const {
    while (!bytes.empty()) {
      const auto got = pread(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return false;
      bytes = bytes.subspan(static_cast<std::size_t>(got));
      offset += static_cast<std::uint64_t>(got);
    }
    return true;
  }

 private:
  int descriptor_;
  std::uint64_t size_ = 0;
};

struct DecodedTile {
  std::mutex decoding;
  std::unique_ptr<std::uint8_t[]> rgb;  ///< null until decoded
};

/// The tiles last used, bounded by bytes.
class TileShelf {
 public:
  /// Null where the tile is not kept.
  std::shared_ptr<DecodedTile> find(int level, std::int64_t index) {
    const std::lock_guard lock(mutex_);
    const auto found = places_.find(key_of(level, index));
    return found == places_.end() ? nullptr : found->second->tile;
  }

  /// The tile's place, empty or not.
  std::shared_ptr<DecodedTile> find_or_add(int level, std::int64_t index, std::size_t bytes) {
    const auto key = key_of(level, index);
    const std::lock_guard lock(mutex_);
    if (const auto found = places_.find(key); found != places_.end()) {
      newest_first_.splice(newest_first_.begin(), newest_first_, found->second);
      return found->second->tile;
    }
    newest_first_.push_front({key, bytes, std::make_shared<DecodedTile>()});
    places_[key] = newest_first_.begin();
    bytes_ += bytes;
    while (bytes_ > kCacheBytes && newest_first_.size() > 1) {
      bytes_ -= newest_first_.back().bytes;
      places_.erase(newest_first_.back().key);
      newest_first_.pop_back();
    }
    return newest_first_.front().tile;
  }

 private:
  static std::uint64_t key_of(int level, std::int64_t index) {
    return static_cast<std::uint64_t>(index) << 8 | static_cast<std::uint64_t>(level);
  }
  struct Entry {
    std::uint64_t key;
    std::size_t bytes;
    std::shared_ptr<DecodedTile> tile;
  };
  std::mutex mutex_;
  std::list<Entry> newest_first_;
  std::unordered_map<std::uint64_t, std::list<Entry>::iterator> places_;
  std::size_t bytes_ = 0;
};

struct CairoCloser {
  void operator()(cairo_t* context) const { cairo_destroy(context); }
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
};
using Surface = std::unique_ptr<cairo_surface_t, CairoCloser>;

Surface surface_over(std::vector<std::uint32_t>& argb, SizeI size) {
  return Surface(cairo_image_surface_create_for_data(
      reinterpret_cast<unsigned char*>(argb.data()), CAIRO_FORMAT_ARGB32, static_cast<int>(size.width),
      static_cast<int>(size.height), static_cast<int>(4 * size.width)));
}

/// A part of a region, at most kBlock pixels a side, as OpenSlide draws it.
struct Block {
  PointD at;     ///< its first pixel, in pixels of the level; never negative
  SizeI size;    ///< pixels drawn
  SizeI margin;  ///< pixels that lie left of and above the slide, in front of `size`
};

class TiffReader final : public SlideReader {
 public:
  TiffReader(std::unique_ptr<SlideReader> openslide, detail::TiffSlide slide)
      : info_(openslide->info()),
        openslide_(std::move(openslide)),
        levels_(std::move(slide.levels)),
        file_(info_.path) {
    info_.reader = "tiff";
    info_.reader_version = tiff_reader_version();
    if (slide.is_cut_short) {
      info_.warnings.emplace_back(
          "The file's list of images leads outside the file: it was cut short and may lack lower levels.");
    }
    refuse_if_cut_off();
  }

  const SlideInfo& info() const override { return info_; }

  Image8 read_associated(const std::string& name) const override { return openslide_->read_associated(name); }

  Image8 read_region(std::int64_t x_l0, std::int64_t y_l0, int level, SizeI size) const override {
    detail::check_region(info_, level, size);
    Image8 region(size.width, size.height, 3, 255);
    const double downsample = info_.levels[static_cast<std::size_t>(level)].downsample;
    x_l0 = std::clamp(x_l0, -kFarAway, kFarAway);
    y_l0 = std::clamp(y_l0, -kFarAway, kFarAway);
    for (std::int64_t y = 0; y < size.height; y += kBlock) {
      for (std::int64_t x = 0; x < size.width; x += kBlock) {
        // Rounded towards zero, as OpenSlide does.
        const auto place_l0 = [&](std::int64_t origin, std::int64_t ahead) {
          return static_cast<std::int64_t>(static_cast<double>(origin) +
                                           static_cast<double>(ahead) * downsample);
        };
        const auto left = cut(place_l0(x_l0, x), std::min(kBlock, size.width - x), downsample);
        const auto top = cut(place_l0(y_l0, y), std::min(kBlock, size.height - y), downsample);
        if (left.count <= 0 || top.count <= 0) continue;
        draw({{left.begin, top.begin}, {left.count, top.count}, {left.margin, top.margin}}, level, {x, y},
             region);
      }
    }
    return region;
  }

 private:
  struct Cut {
    double begin;         ///< first pixel of the level
    std::int64_t margin;  ///< pixels in front of the slide
    std::int64_t count;   ///< pixels after these
  };
  static Cut cut(std::int64_t place_l0, std::int64_t count, double downsample) {
    if (place_l0 >= 0) return {static_cast<double>(place_l0) / downsample, 0, count};
    const double ahead = -static_cast<double>(place_l0) / downsample;
    if (ahead >= static_cast<double>(count)) return {0, count, 0};
    const auto margin = static_cast<std::int64_t>(ahead);
    return {0, margin, count - margin};
  }

  /// Of what lies outside the file only parts may be missing.
  void refuse_if_cut_off() const {
    const auto& level = levels_.front();
    for (std::size_t i = 0; i < level.offsets.size(); ++i) {
      if (file_.holds(level.offsets[i], level.byte_counts[i])) return;
    }
    throw Error(
        ErrorCode::corrupt_data,
        fmt::format("{}: none of its {} tiles lies inside the file's {} bytes; copy the slide again from "
                    "its source.",
                    info_.path.string(), level.offsets.size(), file_.size()));
  }

  void draw(const Block& block, int level, SizeI at, Image8& region) const {
    const double x = std::round(block.at.x);
    const double y = std::round(block.at.y);
    const auto& tiles = levels_[static_cast<std::size_t>(level)];
    if (block.at.x >= static_cast<double>(tiles.size.width) ||
        block.at.y >= static_cast<double>(tiles.size.height))
      return;
    if (std::abs(block.at.x - x) < kSnap && std::abs(block.at.y - y) < kSnap) {
      copy(block, {static_cast<std::int64_t>(x), static_cast<std::int64_t>(y)}, level,
           {at.width + block.margin.width, at.height + block.margin.height}, region);
    } else {
      interpolate(block, level, at, region);
    }
  }

  void copy(const Block& block, SizeI from, int level, SizeI to, Image8& region) const {
    const auto& tiles = levels_[static_cast<std::size_t>(level)];
    const auto right = std::min(from.width + block.size.width, tiles.size.width);
    const auto bottom = std::min(from.height + block.size.height, tiles.size.height);
    for (auto row = from.height / tiles.tile.height; row * tiles.tile.height < bottom; ++row) {
      for (auto column = from.width / tiles.tile.width; column * tiles.tile.width < right; ++column) {
        const auto left_px = column * tiles.tile.width;
        const auto top_px = row * tiles.tile.height;
        const bool is_whole = left_px >= from.width && left_px + tiles.tile.width <= right &&
                              top_px >= from.height && top_px + tiles.tile.height <= bottom;
        // A tile that no neighbouring region will want goes straight to its place.
        if (is_whole && shelf_.find(level, row * tiles.across + column) == nullptr) {
          decode_into(level, column, row,
                      region.pixel(to.width + left_px - from.width, to.height + top_px - from.height),
                      static_cast<std::size_t>(3 * region.width()));
          continue;
        }
        const auto tile = decoded(level, column, row);
        const auto first_x = std::max(from.width, left_px);
        const auto count = std::min(right, left_px + tiles.tile.width) - first_x;
        for (auto y = std::max(from.height, top_px); y < std::min(bottom, top_px + tiles.tile.height); ++y) {
          std::memcpy(region.pixel(to.width + first_x - from.width, to.height + y - from.height),
                      tile->rgb.get() + 3 * ((y - top_px) * tiles.tile.width + first_x - left_px),
                      static_cast<std::size_t>(3 * count));
        }
      }
    }
  }

  /// Step by step as OpenSlide's grid does it, last tile first.
  void interpolate(const Block& block, int level, SizeI at, Image8& region) const {
    const auto& tiles = levels_[static_cast<std::size_t>(level)];
    const auto tile_width = static_cast<double>(tiles.tile.width);
    const auto tile_height = static_cast<double>(tiles.tile.height);
    const auto first_column = static_cast<std::int64_t>(block.at.x / tile_width);
    const auto first_row = static_cast<std::int64_t>(block.at.y / tile_height);
    const auto end_of = [](double begin, std::int64_t count, double tile, std::int64_t last) {
      return std::min(static_cast<std::int64_t>(std::ceil((begin + static_cast<double>(count)) / tile)),
                      last);
    };
    const double offset_x = block.at.x - static_cast<double>(first_column) * tile_width;
    const double offset_y = block.at.y - static_cast<double>(first_row) * tile_height;

    const SizeI size{block.size.width + block.margin.width, block.size.height + block.margin.height};
    std::vector<std::uint32_t> drawn(static_cast<std::size_t>(size.width * size.height));
    std::vector<std::uint32_t> argb(static_cast<std::size_t>(tiles.tile.width * tiles.tile.height));
    const std::unique_ptr<cairo_t, CairoCloser> cairo(cairo_create(surface_over(drawn, size).get()));
    cairo_set_operator(cairo.get(), CAIRO_OPERATOR_SATURATE);
    cairo_translate(cairo.get(), static_cast<double>(block.margin.width),
                    static_cast<double>(block.margin.height));
    for (auto row = end_of(block.at.y, block.size.height, tile_height, tiles.down) - 1; row >= first_row;
         --row) {
      for (auto column = end_of(block.at.x, block.size.width, tile_width, tiles.across) - 1;
           column >= first_column; --column) {
        to_argb(*decoded(level, column, row), tiles, column, row, argb);
        const auto surface = surface_over(argb, tiles.tile);
        cairo_save(cairo.get());
        cairo_translate(cairo.get(), static_cast<double>(column - first_column) * tile_width - offset_x,
                        static_cast<double>(row - first_row) * tile_height - offset_y);
        cairo_set_source_surface(cairo.get(), surface.get(), 0, 0);
        cairo_paint(cairo.get());
        cairo_restore(cairo.get());
      }
    }
    if (const auto status = cairo_status(cairo.get()); status != CAIRO_STATUS_SUCCESS) {
      throw Error(ErrorCode::resource_exhausted,
                  fmt::format("{}: {} x {} pixels of level {} cannot be drawn: {}.", info_.path.string(),
                              size.width, size.height, level, cairo_status_to_string(status)));
    }
    for (std::int64_t y = 0; y < size.height; ++y) {
      const auto row = std::span(drawn).subspan(static_cast<std::size_t>(y * size.width),
                                                static_cast<std::size_t>(size.width));
      detail::over_white(row, region.pixel(at.width, at.height + y));
    }
  }

  /// What a border tile holds beyond the level is transparent.
  static void to_argb(const DecodedTile& tile, const TiffTiles& tiles, std::int64_t column, std::int64_t row,
                      std::vector<std::uint32_t>& argb) {
    const auto width = std::min(tiles.tile.width, tiles.size.width - column * tiles.tile.width);
    const auto height = std::min(tiles.tile.height, tiles.size.height - row * tiles.tile.height);
    std::ranges::fill(argb, 0U);
    for (std::int64_t y = 0; y < height; ++y) {
      const auto* rgb = tile.rgb.get() + 3 * y * tiles.tile.width;
      auto* to = argb.data() + y * tiles.tile.width;
      for (std::int64_t x = 0; x < width; ++x, rgb += 3)
        to[x] = 0xff000000U | static_cast<std::uint32_t>(rgb[0] << 16 | rgb[1] << 8 | rgb[2]);
    }
  }

  std::shared_ptr<const DecodedTile> decoded(int level, std::int64_t column, std::int64_t row) const {
    const auto& tiles = levels_[static_cast<std::size_t>(level)];
    const auto bytes = static_cast<std::size_t>(3 * tiles.tile.width * tiles.tile.height);
    auto tile = shelf_.find_or_add(level, row * tiles.across + column, bytes);
    const std::lock_guard lock(tile->decoding);
    if (!tile->rgb) {
      auto rgb = std::make_unique_for_overwrite<std::uint8_t[]>(bytes);
      decode_into(level, column, row, rgb.get(), static_cast<std::size_t>(3 * tiles.tile.width));
      tile->rgb = std::move(rgb);
    }
    return tile;
  }

  void decode_into(int level, std::int64_t column, std::int64_t row, std::uint8_t* rgb,
                   std::size_t row_bytes) const {
    const auto& tiles = levels_[static_cast<std::size_t>(level)];
    const auto why = decode(tiles, row * tiles.across + column, rgb, row_bytes);
    if (why.empty()) return;
    throw Error(
        ErrorCode::corrupt_data,
        fmt::format("{}: the tile at ({}, {}) of level {} is damaged ({}); copy the slide again from "
                    "its source.",
                    info_.path.string(), column * tiles.tile.width, row * tiles.tile.height, level, why));
  }

  /// Empty, or why there is no tile.
  std::string decode(const TiffTiles& tiles, std::int64_t number, std::uint8_t* rgb,
                     std::size_t row_bytes) const {
    const auto index = static_cast<std::size_t>(number);
    const auto bytes = index < tiles.byte_counts.size() ? tiles.byte_counts[index] : 0;
    if (bytes == 0) return "the file holds no data for it";
    const auto offset = tiles.offsets[index];
    if (!file_.holds(offset, bytes)) {
      return fmt::format("its {} bytes from {} on lie outside the file of {} bytes", bytes, offset,
                         file_.size());
    }
    const auto raw_bytes = static_cast<std::uint64_t>(3 * tiles.tile.width * tiles.tile.height);
    if (bytes > 2 * raw_bytes + kHeaderBytes) return fmt::format("it is said to fill {} bytes", bytes);
    const auto data = std::make_unique_for_overwrite<std::uint8_t[]>(bytes);
    const std::span<std::uint8_t> compressed(data.get(), bytes);
    if (!file_.read(offset, compressed))
      return fmt::format("its {} bytes from {} on cannot be read", bytes, offset);
    return detail::decode_jpeg_tile({tiles.tile, tiles.is_ycbcr, tiles.jpeg_tables}, compressed, rgb,
                                    row_bytes);
  }

  SlideInfo info_;
  std::unique_ptr<SlideReader> openslide_;
  std::vector<TiffTiles> levels_;
  SharedFile file_;
  mutable TileShelf shelf_;
};

bool are_alike(const std::vector<TiffTiles>& levels, const SlideInfo& info) {
  return std::ranges::equal(levels, info.levels, [](const TiffTiles& ours, const SlideLevel& theirs) {
    return ours.size == SizeI{theirs.width, theirs.height};
  });
}

std::int64_t tiles_present(const TiffTiles& level) {
  return std::ranges::count_if(level.byte_counts, [](std::uint64_t bytes) { return bytes > 0; });
}

bool lacks_tiles(const TiffTiles& level) {
  return tiles_present(level) < level.across * level.down;
}

/// A header that claims what the file does not list is refused before anything is made of its size.
void refuse_if_hollow(const fs::path& path, const TiffTiles& level) {
  const auto present = tiles_present(level);
  const double wanted = static_cast<double>(level.across) * static_cast<double>(level.down);
  if (static_cast<double>(present) >= wanted / 2) return;
  throw Error(
      ErrorCode::corrupt_data,
      fmt::format("{}: claims {} x {} pixels but lists only {} of the {:.0f} tiles that takes; copy the "
                  "slide again from its source.",
                  path.string(), level.size.width, level.size.height, present, wanted));
}

}  // namespace

std::string tiff_reader_version() {
  return fmt::format("libjpeg-turbo {}, OpenSlide {}", detail::libjpeg_turbo_version(), openslide_version());
}

bool tiff_recognises(const fs::path& path) {
  if (!detail::has_jpeg_tiles(path)) return false;
  if (detail::find_impossible_tag(path)) return true;  // opening says so
  const char* vendor = openslide_detect_vendor(path.c_str());
  return vendor != nullptr &&
         (vendor == std::string_view("aperio") || vendor == std::string_view("generic-tiff"));
}

std::unique_ptr<SlideReader> open_tiff_slide(const fs::path& path) {
  detail::refuse_impossible_tag(path);
  const char* vendor = openslide_detect_vendor(path.c_str());
  auto tiff = vendor == nullptr ? std::nullopt : detail::read_tiff_tiles(path, vendor);
  if (tiff && !tiff->levels.empty()) refuse_if_hollow(path, tiff->levels.front());
  auto slide = open_with_openslide(path);
  const bool is_ours = tiff && tiff->levels.size() <= kMaxLevels && are_alike(tiff->levels, slide->info()) &&
                       !(slide->info().vendor == "aperio" && std::ranges::any_of(tiff->levels, lacks_tiles));
  if (!is_ours) return slide;
  return std::make_unique<TiffReader>(std::move(slide), *std::move(tiff));
}

}  // namespace imaging
