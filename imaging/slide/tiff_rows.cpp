#include "imaging/slide/tiff_rows.h"

#include <fmt/format.h>
#include <tiffio.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <vector>

#include "imaging/base/error.h"
#include "imaging/slide/row_decoder.h"

namespace imaging {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kMaxBlockBytes = std::int64_t{1} << 30;  // of one row of tiles

template <typename Value>
Value field(TIFF* file, std::uint32_t tag, Value fallback) {
  TIFFGetFieldDefaulted(file, tag, &fallback);
  return fallback;
}

/// @param page  absent: the first that is neither reduced nor a mask
TiffFile open_at_page(const fs::path& path, std::optional<int> page) {
  auto file =
      open_tiff(path, "rm");  // m: read, not mapped, so that a shortened file is an error and no signal
  if (!file) refuse_damaged(path, last_tiff_message());
  if (!page) {
    first_full_page(file.get());
  } else if (TIFFSetDirectory(file.get(), static_cast<tdir_t>(*page)) == 0) {
    refuse_damaged(path, last_tiff_message());
  }
  return file;
}

/// What every TIFF says of its samples.
struct Layout {
  explicit Layout(TIFF* file)
      : size{field<std::uint32_t>(file, TIFFTAG_IMAGEWIDTH, 0),
             field<std::uint32_t>(file, TIFFTAG_IMAGELENGTH, 0)},
        bits(field<std::uint16_t>(file, TIFFTAG_BITSPERSAMPLE, 1)),
        samples(field<std::uint16_t>(file, TIFFTAG_SAMPLESPERPIXEL, 1)),
        photometric(field<std::uint16_t>(file, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK)),
        sample_format(field<std::uint16_t>(file, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT)),
        orientation(field<std::uint16_t>(file, TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT)),
        is_planar(field<std::uint16_t>(file, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) ==
                  PLANARCONFIG_SEPARATE),
        is_tiled(TIFFIsTiled(file) != 0) {
    std::uint16_t count = 0;
    const std::uint16_t* kinds = nullptr;
    if (TIFFGetFieldDefaulted(file, TIFFTAG_EXTRASAMPLES, &count, &kinds) == 1 && count > 0) extra = kinds[0];
  }

  /// Grey or RGB of 8 or 16 bits: no need of libtiff's conversion.
  [[nodiscard]] bool is_plain() const {
    const bool is_grey = photometric == PHOTOMETRIC_MINISBLACK || photometric == PHOTOMETRIC_MINISWHITE;
    const bool is_rgb = photometric == PHOTOMETRIC_RGB && samples >= 3;
    return (bits == 8 || bits == 16) && (is_grey || is_rgb) && samples <= 16;
  }
  [[nodiscard]] int colours() const { return photometric == PHOTOMETRIC_RGB ? 3 : 1; }
  [[nodiscard]] bool has_alpha() const {
    return samples > colours() && (extra == EXTRASAMPLE_ASSOCALPHA || extra == EXTRASAMPLE_UNASSALPHA);
  }
  [[nodiscard]] RowFormat row_format() const {
    RowFormat format;
    format.size = size;
    format.orientation = orientation >= 1 && orientation <= 8 ? orientation : 1;
    if (is_plain()) {
      format.channels = colours() + (has_alpha() ? 1 : 0);
      format.bits = bits;
      format.is_premultiplied = extra == EXTRASAMPLE_ASSOCALPHA;
      format.is_white_at_zero = photometric == PHOTOMETRIC_MINISWHITE;
    } else {
      format.channels = 4;
      format.is_premultiplied = true;
    }
    return format;
  }

  SizeI size;
  int bits;
  int samples;
  int photometric;
  int sample_format;
  int orientation;
  bool is_planar;
  bool is_tiled;
  int extra = EXTRASAMPLE_UNSPECIFIED;
};

/// Grey and RGB, 8 or 16 bits, in strips or tiles, planes together or apart. Strips are read by scanlines, so
/// that even a file of one strip streams.
class PlainTiffRows final : public RowDecoder {
 public:
  PlainTiffRows(const fs::path& path, std::optional<int> page, TiffFile file, const Layout& layout)
      : path_(path), layout_(layout) {
    format_ = layout.row_format();
    files_.push_back(std::move(file));
    const int planes = layout.is_planar ? format_.channels : 1;
    // A handle per plane, each of which then decodes its own strips in order.
    while (static_cast<int>(files_.size()) < planes) files_.push_back(open_at_page(path, page));
    samples_ = layout.is_planar ? 1 : layout.samples;
    sample_bytes_ = layout.bits / 8;
    const auto row_bytes = layout.size.width * samples_ * sample_bytes_;
    if (layout.is_tiled) {
      tile_ = {field<std::uint32_t>(files_[0].get(), TIFFTAG_TILEWIDTH, 0),
               field<std::uint32_t>(files_[0].get(), TIFFTAG_TILELENGTH, 0)};
      if (tile_.width <= 0 || tile_.height <= 0 ||
          (layout.size.width + tile_.width) * samples_ * sample_bytes_ * planes >
              kMaxBlockBytes / tile_.height) {
        refuse_damaged(path, fmt::format("its tiles are {} x {} pixels", tile_.width, tile_.height));
      }
      tile_bytes_.resize(static_cast<std::size_t>(tile_.width * tile_.height * samples_ * sample_bytes_));
      if (TIFFTileSize64(files_[0].get()) != tile_bytes_.size())
        refuse_damaged(path, "its tile size is unclear");
    } else if (TIFFScanlineSize64(files_[0].get()) != static_cast<std::uint64_t>(row_bytes)) {
      refuse_damaged(path, "its row size is unclear");
    }
    const auto rows = layout.is_tiled ? tile_.height : 1;
    block_.resize(static_cast<std::size_t>(planes),
                  std::vector<std::uint8_t>(static_cast<std::size_t>(row_bytes * rows)));
  }

  void read_row(std::uint8_t* samples) override {
    const auto row_bytes = static_cast<std::size_t>(layout_.size.width * samples_ * sample_bytes_);
    std::size_t at = 0;
    for (std::size_t plane = 0; plane < files_.size(); ++plane) {
      if (layout_.is_tiled) {
        if (y_ % tile_.height == 0) read_tiles(plane);
        at = static_cast<std::size_t>(y_ % tile_.height) * row_bytes;
      } else if (TIFFReadScanline(files_[plane].get(), block_[plane].data(), static_cast<std::uint32_t>(y_),
                                  static_cast<std::uint16_t>(plane)) != 1) {
        refuse_damaged(path_, last_tiff_message());
      }
    }
    ++y_;
    const auto bytes = static_cast<std::size_t>(sample_bytes_);
    const auto channels = static_cast<std::size_t>(format_.channels);
    if (!layout_.is_planar && channels == static_cast<std::size_t>(samples_)) {
      std::memcpy(samples, block_[0].data() + at, row_bytes);
      return;
    }
    const auto step = bytes * static_cast<std::size_t>(samples_);
    for (std::size_t x = 0; x < static_cast<std::size_t>(layout_.size.width); ++x) {
      for (std::size_t c = 0; c < channels; ++c) {
        const auto* from = layout_.is_planar ? block_[c].data() + at + x * step
                                             : block_[0].data() + at + x * step + c * bytes;
        std::memcpy(samples + (x * channels + c) * bytes, from, bytes);
      }
    }
  }

 private:
  void read_tiles(std::size_t plane) {
    const auto pixel = static_cast<std::size_t>(samples_ * sample_bytes_);
    const auto width = static_cast<std::size_t>(layout_.size.width);
    const auto tile_width = static_cast<std::size_t>(tile_.width);
    for (std::size_t x = 0; x < width; x += tile_width) {
      if (TIFFReadTile(files_[plane].get(), tile_bytes_.data(), static_cast<std::uint32_t>(x),
                       static_cast<std::uint32_t>(y_), 0, static_cast<std::uint16_t>(plane)) < 0) {
        refuse_damaged(path_, last_tiff_message());
      }
      for (std::size_t row = 0; row < static_cast<std::size_t>(tile_.height); ++row) {
        std::memcpy(block_[plane].data() + (row * width + x) * pixel,
                    tile_bytes_.data() + row * tile_width * pixel, std::min(tile_width, width - x) * pixel);
      }
    }
  }

  fs::path path_;
  Layout layout_;
  std::vector<TiffFile> files_;
  int samples_ = 1;  // together in a row of the file
  int sample_bytes_ = 1;
  SizeI tile_;
  std::vector<std::uint8_t> tile_bytes_;
  std::vector<std::vector<std::uint8_t>> block_;  // a row, or a row of tiles, of each plane
  std::int64_t y_ = 0;
};

/// Everything else that libtiff knows to show: palettes, CMYK, YCbCr, L*a*b*, 1 to 4 bits.
class ConvertedTiffRows final : public RowDecoder {
 public:
  ConvertedTiffRows(const fs::path& path, TiffFile file, const Layout& layout, std::int64_t pixels_in_memory)
      : path_(path), file_(std::move(file)) {
    format_ = layout.row_format();
    const auto [width, height] = layout.size;
    rows_ =
        std::clamp<std::int64_t>(layout.is_tiled ? field<std::uint32_t>(file_.get(), TIFFTAG_TILELENGTH, 0)
                                                 : field<std::uint32_t>(file_.get(), TIFFTAG_ROWSPERSTRIP, 0),
                                 1, height);
    if (rows_ * width > std::max(pixels_in_memory, std::int64_t{1} << 26)) {
      throw Error(
          ErrorCode::resource_exhausted,
          fmt::format("{}: its strips of {} x {} pixels are too large for a picture that is neither "
                      "grey nor RGB; convert it to RGB in tiles, for example with vips tiffsave --tile.",
                      path.string(), width, rows_));
    }
    std::array<char, 1024> why{};
    if (TIFFRGBAImageOK(file_.get(), why.data()) == 0 ||
        TIFFRGBAImageBegin(&reader_, file_.get(), 1, why.data()) == 0) {
      refuse_damaged(path, why.data());
    }
    end_.reset(&reader_);
    reader_.req_orientation = reader_.orientation;  // no flip here
    band_.resize(static_cast<std::size_t>(rows_ * width));
  }

  void read_row(std::uint8_t* samples) override {
    const auto width = format_.size.width;
    if (y_ % rows_ == 0) {
      reader_.row_offset = static_cast<int>(y_);
      reader_.col_offset = 0;
      if (TIFFRGBAImageGet(&reader_, band_.data(), static_cast<std::uint32_t>(width),
                           static_cast<std::uint32_t>(std::min(rows_, format_.size.height - y_))) == 0) {
        refuse_damaged(path_, last_tiff_message());
      }
    }
    const auto* row = band_.data() + y_ % rows_ * width;
    ++y_;
    for (std::int64_t x = 0; x < width; ++x) {
      *samples++ = static_cast<std::uint8_t>(TIFFGetR(row[x]));
      *samples++ = static_cast<std::uint8_t>(TIFFGetG(row[x]));
      *samples++ = static_cast<std::uint8_t>(TIFFGetB(row[x]));
      *samples++ = static_cast<std::uint8_t>(TIFFGetA(row[x]));
    }
  }

 private:
  fs::path path_;
  TiffFile file_;
  TIFFRGBAImage reader_{};
  std::unique_ptr<TIFFRGBAImage, void (*)(TIFFRGBAImage*)> end_{nullptr, &TIFFRGBAImageEnd};
  std::vector<std::uint32_t> band_;
  std::int64_t rows_ = 1;
  std::int64_t y_ = 0;
};

}  // namespace

TiffPage first_full_page(TIFF* file) {
  constexpr std::uint32_t kNotThePicture = FILETYPE_REDUCEDIMAGE | FILETYPE_MASK;
  TiffPage page;
  bool is_found = false;
  for (int index = 0;; ++index) {
    page.count = index + 1;
    if (!is_found && (field<std::uint32_t>(file, TIFFTAG_SUBFILETYPE, 0) & kNotThePicture) == 0) {
      is_found = true;
      page.index = index;
    }
    if (page.count == kMaxTiffPages || TIFFLastDirectory(file) != 0) break;
    if (TIFFReadDirectory(file) == 0) {
      throw Error(ErrorCode::corrupt_data,
                  fmt::format("{}: directory {} cannot be read, so the file is cut short or damaged; copy it "
                              "again.",
                              TIFFFileName(file), page.count + 1));
    }
  }
  TIFFSetDirectory(file, static_cast<tdir_t>(page.index));
  return page;
}

std::unique_ptr<RowDecoder> open_tiff_rows(const fs::path& path, std::int64_t pixels_in_memory) {
  return open_tiff_page(path, std::nullopt, pixels_in_memory);
}

std::unique_ptr<RowDecoder> open_tiff_page(const fs::path& path, std::optional<int> page,
                                           std::int64_t pixels_in_memory) {
  auto file = open_at_page(path, page);
  const Layout layout(file.get());
  check_picture_size(path, layout.size, layout.bits * layout.samples, pixels_in_memory);
  if (layout.sample_format != SAMPLEFORMAT_UINT && layout.sample_format != SAMPLEFORMAT_VOID) {
    throw Error(ErrorCode::unsupported_format,
                fmt::format("{}: its {}-bit samples are {}, and a picture has whole numbers of 8 or 16 bits; "
                            "export it so.",
                            path.string(), layout.bits,
                            layout.sample_format == SAMPLEFORMAT_IEEEFP ? "floating-point numbers"
                            : layout.sample_format == SAMPLEFORMAT_INT  ? "signed numbers"
                                                                        : "complex numbers"));
  }
  if (layout.is_plain()) return std::make_unique<PlainTiffRows>(path, page, std::move(file), layout);
  return std::make_unique<ConvertedTiffRows>(path, std::move(file), layout, pixels_in_memory);
}

}  // namespace imaging
