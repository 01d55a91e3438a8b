#include "imaging/slide/picture_pyramid.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <opencv2/core.hpp>
#include <string>
#include <utility>
#include <vector>

#include "imaging/base/error.h"
#include "imaging/base/log.h"
#include "imaging/slide/detail/region.h"

namespace imaging {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kSmallestLevelSide = 512;  // a level above this gets another one below it
constexpr std::int64_t kTile = 256;
constexpr std::int64_t kTileBytes = kTile * kTile * 3;
constexpr std::uintmax_t kDiskReserve = std::uintmax_t{1} << 28;  // left free for others

/// Averages of 2 x 2 pixels; at an odd edge of those that exist.
Image8 halved(const Image8& fine) {
  Image8 coarse((fine.width() + 1) / 2, (fine.height() + 1) / 2, 3);
  for (std::int64_t y = 0; y < coarse.height(); ++y) {
    const auto* above = fine.row(2 * y);
    const auto* below = fine.row(std::min(2 * y + 1, fine.height() - 1));
    auto* out = coarse.row(y);
    for (std::int64_t x = 0; x < coarse.width(); ++x) {
      const auto left = 6 * x;
      const auto right = 3 * std::min(2 * x + 1, fine.width() - 1);
      for (int c = 0; c < 3; ++c) {
        *out++ = static_cast<std::uint8_t>(
            (above[left + c] + above[right + c] + below[left + c] + below[right + c] + 2) / 4);
      }
    }
  }
  return coarse;
}

/// Applies an orientation, 2 to 8.
Image8 oriented(Image8& image, int orientation) {
  const cv::Mat from(static_cast<int>(image.height()), static_cast<int>(image.width()), CV_8UC3,
                     image.data());
  const bool swaps = orientation >= 5;
  Image8 result(swaps ? image.height() : image.width(), swaps ? image.width() : image.height(), 3);
  cv::Mat to(static_cast<int>(result.height()), static_cast<int>(result.width()), CV_8UC3, result.data());
  switch (orientation) {
    case 2:
      cv::flip(from, to, 1);
      break;
    case 3:
      cv::flip(from, to, -1);
      break;
    case 4:
      cv::flip(from, to, 0);
      break;
    case 5:
      cv::transpose(from, to);
      break;
    case 6:
      cv::rotate(from, to, cv::ROTATE_90_CLOCKWISE);
      break;
    case 7: {
      cv::Mat transposed;
      cv::transpose(from, transposed);
      cv::flip(transposed, to, -1);
      break;
    }
    default:
      cv::rotate(from, to, cv::ROTATE_90_COUNTERCLOCKWISE);
      break;
  }
  return result;
}

/// Copies the part of `from` at (x, y), as large as fits, to `to` at (to_x, to_y).
void copy_part(const Image8& from, std::int64_t x, std::int64_t y, SizeI size, Image8& to, std::int64_t to_x,
               std::int64_t to_y) {
  for (std::int64_t row = 0; row < size.height; ++row)
    std::memcpy(to.pixel(to_x, to_y + row), from.pixel(x, y + row), static_cast<std::size_t>(3 * size.width));
}

/// Where the pixels of the levels are kept.
class LevelStore {
 public:
  virtual ~LevelStore() = default;
  /// A part of level 0 whose position is a multiple of kTile and whose size is one too, or ends the level.
  virtual void put(std::int64_t x, std::int64_t y, const Image8& part) = 0;
  /// Call once level 0 is complete.
  virtual void finish() = 0;
  /// Copies a rectangle that lies within the level to `to` at (to_x, to_y).
  virtual void copy(int level, std::int64_t x, std::int64_t y, SizeI size, Image8& to, std::int64_t to_x,
                    std::int64_t to_y) const = 0;
};

/// Lower levels are made when first read.
class MemoryStore final : public LevelStore {
 public:
  explicit MemoryStore(const std::vector<SlideLevel>& levels) : levels_(levels.size()) {
    levels_[0] = Image8(levels[0].width, levels[0].height, 3);
  }
  void put(std::int64_t x, std::int64_t y, const Image8& part) override {
    copy_part(part, 0, 0, {part.width(), part.height()}, levels_[0], x, y);
  }
  void finish() override {}
  void copy(int level, std::int64_t x, std::int64_t y, SizeI size, Image8& to, std::int64_t to_x,
            std::int64_t to_y) const override {
    copy_part(pixels_of(static_cast<std::size_t>(level)), x, y, size, to, to_x, to_y);
  }

 private:
  const Image8& pixels_of(std::size_t level) const {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 1; i <= level; ++i) {
      if (levels_[i].empty()) levels_[i] = halved(levels_[i - 1]);
    }
    return levels_[level];  // never changed again once filled
  }

  mutable std::mutex mutex_;
  mutable std::vector<Image8> levels_;
};

/// All levels in a nameless file of raw tiles.
class DiskStore final : public LevelStore {
 public:
  DiskStore(const fs::path& picture, const std::vector<SlideLevel>& levels)
      : picture_(picture), levels_(levels) {
    std::int64_t tiles = 0;
    for (const auto& level : levels) {
      first_tile_.push_back(tiles);
      tiles += tiles_across(level) * ((level.height + kTile - 1) / kTile);
    }
    const char* named = std::getenv("TMPDIR");
    const fs::path folder = named != nullptr && *named != '\0' ? named : "/var/tmp";
    const auto needed = static_cast<std::uintmax_t>(tiles * kTileBytes);
    const double gigabytes = static_cast<double>(needed) / 1e9;
    std::error_code failed;
    const auto space = fs::space(folder, failed);
    if (failed) refuse(failed.message());
    if (space.available < kDiskReserve || space.available - kDiskReserve < needed) {
      throw Error(
          ErrorCode::resource_exhausted,
          fmt::format(
              "{}: {} x {} pixels need {:.1f} GB of temporary space, and the temporary folder ($TMPDIR) has "
              "{:.1f} GB free; set TMPDIR to a folder with more, or convert the file to a tiled pyramidal "
              "TIFF, for "
              "example with vips tiffsave --tile --pyramid.",
              picture.string(), levels[0].width, levels[0].height, gigabytes,
              static_cast<double>(space.available) / 1e9));
    }
    std::string name = (folder / "tessera-XXXXXX").string();
    file_ = mkostemp(name.data(), O_CLOEXEC);
    if (file_ < 0) refuse(std::strerror(errno));
    unlink(name.c_str());
    log(LogLevel::info,
        fmt::format("{}: {} x {} pixels; a temporary pyramid of {:.1f} GB is made of them.",
                    picture.filename().string(), levels[0].width, levels[0].height, gigabytes));
  }
  ~DiskStore() override {
    if (file_ >= 0) close(file_);
  }
  DiskStore(const DiskStore&) = delete;
  DiskStore& operator=(const DiskStore&) = delete;

  void put(std::int64_t x, std::int64_t y, const Image8& part) override { put_tiles(0, x, y, part); }

  void finish() override {
    for (int level = 1; level < static_cast<int>(levels_.size()); ++level) {
      const auto& coarse = levels_[static_cast<std::size_t>(level)];
      const auto& fine = levels_[static_cast<std::size_t>(level - 1)];
      for (std::int64_t y = 0; y < coarse.height; y += kTile) {
        for (std::int64_t x = 0; x < coarse.width; x += kTile) {
          Image8 four(std::min(2 * kTile, fine.width - 2 * x), std::min(2 * kTile, fine.height - 2 * y), 3);
          copy(level - 1, 2 * x, 2 * y, {four.width(), four.height()}, four, 0, 0);
          put_tiles(level, x, y, halved(four));
        }
      }
    }
  }

  void copy(int level, std::int64_t x, std::int64_t y, SizeI size, Image8& to, std::int64_t to_x,
            std::int64_t to_y) const override {
    std::vector<std::uint8_t> rows(static_cast<std::size_t>(kTileBytes));
    for (auto tile_y = y / kTile * kTile; tile_y < y + size.height; tile_y += kTile) {
      const auto top = std::max(y, tile_y);
      const auto bottom = std::min(y + size.height, tile_y + kTile);
      for (auto tile_x = x / kTile * kTile; tile_x < x + size.width; tile_x += kTile) {
        const auto left = std::max(x, tile_x);
        const auto right = std::min(x + size.width, tile_x + kTile);
        read(offset_of(level, tile_x, tile_y) + (top - tile_y) * kTile * 3, rows.data(),
             (bottom - top) * kTile * 3);
        for (auto row = top; row < bottom; ++row) {
          std::memcpy(to.pixel(to_x + left - x, to_y + row - y),
                      rows.data() + 3 * ((row - top) * kTile + left - tile_x),
                      static_cast<std::size_t>(3 * (right - left)));
        }
      }
    }
  }

 private:
  static std::int64_t tiles_across(const SlideLevel& level) { return (level.width + kTile - 1) / kTile; }

  std::int64_t offset_of(int level, std::int64_t x, std::int64_t y) const {
    const auto i = static_cast<std::size_t>(level);
    return (first_tile_[i] + y / kTile * tiles_across(levels_[i]) + x / kTile) * kTileBytes;
  }

  void put_tiles(int level, std::int64_t x, std::int64_t y, const Image8& part) {
    Image8 tile(kTile, kTile, 3);
    for (std::int64_t v = 0; v < part.height(); v += kTile) {
      for (std::int64_t u = 0; u < part.width(); u += kTile) {
        copy_part(part, u, v, {std::min(kTile, part.width() - u), std::min(kTile, part.height() - v)}, tile,
                  0, 0);
        write(offset_of(level, x + u, y + v), tile.data(), kTileBytes);
      }
    }
  }

  void read(std::int64_t offset, std::uint8_t* to, std::int64_t count) const {
    while (count > 0) {
      const auto done = pread(file_, to, static_cast<std::size_t>(count), offset);
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) refuse(done < 0 ? std::strerror(errno) : "it is shorter than was written");
      to += done;
      offset += done;
      count -= done;
    }
  }
  void write(std::int64_t offset, const std::uint8_t* from, std::int64_t count) {
    while (count > 0) {
      const auto done = pwrite(file_, from, static_cast<std::size_t>(count), offset);
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) refuse(std::strerror(done < 0 ? errno : ENOSPC));
      from += done;
      offset += done;
      count -= done;
    }
  }
  [[noreturn]] void refuse(const std::string& why) const {
    throw Error(ErrorCode::io_error,
                fmt::format("{}: its temporary pyramid in the temporary folder ($TMPDIR) fails: {}; set "
                            "TMPDIR to a folder with room that may be written.",
                            picture_.string(), why));
  }

  fs::path picture_;
  std::vector<SlideLevel> levels_;
  std::vector<std::int64_t> first_tile_;  // of each level
  int file_ = -1;
};

class PictureReader final : public SlideReader {
 public:
  PictureReader(SlideInfo info, SizeI stored, int orientation, const ReadBand& read_band,
                const EndPicture& end, std::int64_t pixels_in_memory)
      : info_(std::move(info)) {
    const bool is_turned = orientation >= 5;
    SlideLevel level{is_turned ? stored.height : stored.width, is_turned ? stored.width : stored.height, 1};
    info_.levels.push_back(level);
    while (std::max(level.width, level.height) > kSmallestLevelSide) {
      level = {(level.width + 1) / 2, (level.height + 1) / 2, level.downsample * 2};
      info_.levels.push_back(level);
    }
    if (stored.width * stored.height > pixels_in_memory) {
      store_ = std::make_unique<DiskStore>(info_.path, info_.levels);
    } else {
      store_ = std::make_unique<MemoryStore>(info_.levels);
    }
    fill(stored, orientation, read_band);
    end(info_);
    store_->finish();
  }

  const SlideInfo& info() const override { return info_; }

  Image8 read_region(std::int64_t x_l0, std::int64_t y_l0, int level, SizeI size) const override {
    detail::check_region(info_, level, size);
    const auto& source = info_.levels[static_cast<std::size_t>(level)];
    Image8 region(size.width, size.height, 3, 255);
    const auto left = x_l0 >> level;  // also floors negative positions
    const auto top = y_l0 >> level;
    const auto first_x = std::clamp<std::int64_t>(-left, 0, size.width);
    const auto last_x = std::clamp<std::int64_t>(source.width - left, first_x, size.width);
    const auto first_y = std::clamp<std::int64_t>(-top, 0, size.height);
    const auto last_y = std::clamp<std::int64_t>(source.height - top, first_y, size.height);
    if (first_x == last_x || first_y == last_y) return region;
    store_->copy(level, left + first_x, top + first_y, {last_x - first_x, last_y - first_y}, region, first_x,
                 first_y);
    return region;
  }

  Image8 read_associated(const std::string& name) const override {
    throw Error(ErrorCode::not_found,
                fmt::format("{}: has no associated image '{}'.", info_.path.string(), name));
  }

 private:
  /// Bands are cut so that each is a row or column of whole tiles of the oriented picture.
  void fill(SizeI stored, int orientation, const ReadBand& read_band) {
    const bool is_turned = orientation >= 5;
    const bool is_from_the_end = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    const auto partial = stored.height % kTile;
    std::int64_t y = 0;
    while (y < stored.height) {
      const bool is_partial_first = is_from_the_end && y == 0 && partial > 0;
      const auto rows = is_partial_first ? partial : std::min(kTile, stored.height - y);
      Image8 band(stored.width, rows, 3);
      read_band(band);
      const auto at = is_from_the_end ? stored.height - y - rows : y;
      store_->put(is_turned ? at : 0, is_turned ? 0 : at,
                  orientation == 1 ? band : oriented(band, orientation));
      y += rows;
    }
  }

  SlideInfo info_;
  std::unique_ptr<LevelStore> store_;
};

}  // namespace

std::unique_ptr<SlideReader> make_picture_reader(SlideInfo info, SizeI stored, int orientation,
                                                 const ReadBand& read_band, const EndPicture& end,
                                                 std::int64_t pixels_in_memory) {
  return std::make_unique<PictureReader>(std::move(info), stored, orientation, read_band, end,
                                         pixels_in_memory);
}

}  // namespace imaging
