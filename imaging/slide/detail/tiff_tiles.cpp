#include "imaging/slide/detail/tiff_tiles.h"

#include <fmt/format.h>
#include <tiffio.h>

#include <algorithm>
#include <functional>
#include <unordered_set>

#include "imaging/base/error.h"
#include "imaging/slide/tiff_file.h"

namespace imaging::detail {
namespace {

constexpr std::int64_t kMaxTilePixels = std::int64_t{1} << 24;

template <typename T>
T field(TIFF* file, std::uint32_t tag) {
  T value{};
  return TIFFGetFieldDefaulted(file, tag, &value) == 1 ? value : T{};
}

bool is_jpeg_tiled(TIFF* file) {
  const auto photometric = field<std::uint16_t>(file, TIFFTAG_PHOTOMETRIC);
  return TIFFIsTiled(file) != 0 && field<std::uint16_t>(file, TIFFTAG_COMPRESSION) == COMPRESSION_JPEG &&
         field<std::uint16_t>(file, TIFFTAG_PLANARCONFIG) == PLANARCONFIG_CONTIG &&
         field<std::uint16_t>(file, TIFFTAG_BITSPERSAMPLE) == 8 &&
         field<std::uint16_t>(file, TIFFTAG_SAMPLESPERPIXEL) == 3 &&
         (photometric == PHOTOMETRIC_YCBCR || photometric == PHOTOMETRIC_RGB);
}

/// As OpenSlide chooses: of Aperio slides each tiled image, of others the first and the reduced ones.
bool is_level(TIFF* file, std::string_view vendor) {
  if (TIFFIsTiled(file) == 0) return false;
  std::uint32_t kind = 0;
  return vendor == "aperio" || TIFFCurrentDirectory(file) == 0 ||
         (TIFFGetField(file, TIFFTAG_SUBFILETYPE, &kind) == 1 && (kind & FILETYPE_REDUCEDIMAGE) != 0);
}

std::optional<TiffTiles> tiles_of(TIFF* file) {
  if (!is_jpeg_tiled(file)) return std::nullopt;
  TiffTiles level;
  level.size = {field<std::uint32_t>(file, TIFFTAG_IMAGEWIDTH),
                field<std::uint32_t>(file, TIFFTAG_IMAGELENGTH)};
  level.tile = {field<std::uint32_t>(file, TIFFTAG_TILEWIDTH),
                field<std::uint32_t>(file, TIFFTAG_TILELENGTH)};
  if (level.size.width < 1 || level.size.height < 1 || level.tile.width < 1 || level.tile.height < 1 ||
      level.tile.width > kMaxTilePixels / level.tile.height) {
    return std::nullopt;
  }
  level.across = (level.size.width + level.tile.width - 1) / level.tile.width;
  level.down = (level.size.height + level.tile.height - 1) / level.tile.height;
  const std::int64_t count = TIFFNumberOfTiles(file);  // 0 where it overflows
  const std::uint64_t* offsets = nullptr;
  const std::uint64_t* byte_counts = nullptr;
  if (count == level.across * level.down && TIFFGetField(file, TIFFTAG_TILEOFFSETS, &offsets) == 1 &&
      TIFFGetField(file, TIFFTAG_TILEBYTECOUNTS, &byte_counts) == 1 && offsets != nullptr &&
      byte_counts != nullptr) {
    level.offsets.assign(offsets, offsets + count);
    level.byte_counts.assign(byte_counts, byte_counts + count);
  }
  level.is_ycbcr = field<std::uint16_t>(file, TIFFTAG_PHOTOMETRIC) == PHOTOMETRIC_YCBCR;
  std::uint32_t bytes = 0;
  const std::uint8_t* tables = nullptr;
  if (TIFFGetField(file, TIFFTAG_JPEGTABLES, &bytes, &tables) == 1)
    level.jpeg_tables.assign(tables, tables + bytes);
  return level;
}

}  // namespace

bool has_jpeg_tiles(const std::filesystem::path& path) {
  const auto file = open_tiff(path, "rmD");
  return file && is_jpeg_tiled(file.get());
}

std::optional<TiffSlide> read_tiff_tiles(const std::filesystem::path& path, std::string_view vendor) {
  const auto file = open_tiff(path, "rm");
  if (!file) return std::nullopt;
  TiffSlide slide;
  std::unordered_set<std::uint64_t> seen;
  do {
    if (!seen.insert(TIFFCurrentDirOffset(file.get())).second) {
      throw Error(
          ErrorCode::corrupt_data,
          fmt::format("{}: its list of images leads from image {} back to an earlier one; copy the slide "
                      "again from its source.",
                      path.string(), seen.size()));
    }
    if (!is_level(file.get(), vendor)) continue;
    auto level = tiles_of(file.get());
    if (!level) return std::nullopt;
    slide.levels.push_back(*std::move(level));
  } while (TIFFReadDirectory(file.get()) != 0);
  slide.is_cut_short = TIFFLastDirectory(file.get()) == 0;
  if (vendor != "aperio") {
    std::ranges::stable_sort(slide.levels, std::greater{},
                             [](const auto& level) { return level.size.width; });
  }
  return slide;
}

}  // namespace imaging::detail
