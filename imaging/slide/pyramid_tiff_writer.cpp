#include "imaging/slide/pyramid_tiff_writer.h"

#include <fmt/format.h>
#include <tiffio.h>

#include <algorithm>
#include <cstring>

#include "imaging/base/error.h"
#include "imaging/base/files.h"

namespace imaging {
namespace {

constexpr std::int64_t kTile = PyramidTiffWriter::kTilePx;
constexpr double kClassicTiffLimit = 3.5e9;
constexpr double kJpegBytesPerPixel = 0.15;  // of level 0; stained tissue takes more, glass less
constexpr double kLowerLevels = 0.7;         // they lie on the disk twice while they are joined

struct TiffCloser {
  void operator()(TIFF* file) const { TIFFClose(file); }
};
using TiffFile = std::unique_ptr<TIFF, TiffCloser>;

TiffFile open_tiff(const std::filesystem::path& path, const char* mode) {
  // libtiff's own messages are kept off the terminal: each failure is thrown in our words.
  const auto keep_silent = [](TIFF*, void*, const char*, const char*, va_list) { return 1; };
  const std::unique_ptr<TIFFOpenOptions, void (*)(TIFFOpenOptions*)> options(TIFFOpenOptionsAlloc(),
                                                                             &TIFFOpenOptionsFree);
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), keep_silent, nullptr);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), keep_silent, nullptr);
  TiffFile file(TIFFOpenExt(path.c_str(), mode, options.get()));
  if (!file) throw Error(ErrorCode::io_error, fmt::format("{}: cannot be opened for a TIFF.", path.string()));
  return file;
}

struct Level {
  SizeI size;
  std::int64_t step = 1;  // pixels of the level above per pixel
  Image8 rows;            // rows waiting for a full row of tiles; level 0 never waits
  std::int64_t waiting = 0;
  std::int64_t written = 0;
  std::filesystem::path path;
  TiffFile file;
};

}  // namespace

std::vector<std::int64_t> default_downsamples(SizeI size) {
  std::vector<std::int64_t> downsamples{1};
  while (std::max(size.width, size.height) / downsamples.back() > kTile &&
         std::min(size.width, size.height) / downsamples.back() >= 2) {
    downsamples.push_back(downsamples.back() * 2);
  }
  return downsamples;
}

struct PyramidTiffWriter::Impl {
  Impl(std::filesystem::path target, PyramidTiffOptions given)
      : path(std::move(target)), options(std::move(given)), output(path) {
    if (options.size.width < 1 || options.size.height < 1) {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("{}: a slide of {} x {} pixels cannot be written.", path.string(),
                              options.size.width, options.size.height));
    }
    if (options.jpeg_quality < 0 || options.jpeg_quality > 100) {
      throw Error(ErrorCode::invalid_argument, fmt::format("{}: JPEG quality is {}, outside 0 to 100.",
                                                           path.string(), options.jpeg_quality));
    }
    if (!(options.mpp_x > 0) || !(options.mpp_y > 0)) {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("{}: the scale is {} x {} µm per pixel, must be above 0.", path.string(),
                              options.mpp_x, options.mpp_y));
    }
    if (options.downsamples.empty()) options.downsamples = default_downsamples(options.size);
    if (options.downsamples.front() != 1) {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("{}: the first level's downsample is {}, must be 1.", path.string(),
                              options.downsamples.front()));
    }
    const double pixels = static_cast<double>(options.size.width) * static_cast<double>(options.size.height);
    const bool is_strong = options.jpeg_quality > 0 && options.jpeg_quality <= 92;
    const double most = (is_strong ? 1.0 : 3.5) * 1.4 * pixels;
    mode = options.big_tiff || most > kClassicTiffLimit ? "w8" : "w";
    if (options.jpeg_quality > 0) check_space(kJpegBytesPerPixel * (1 + kLowerLevels) * pixels);
    levels.resize(options.downsamples.size());
    for (std::size_t i = 0; i < levels.size(); ++i) {
      const std::int64_t downsample = options.downsamples[i];
      Level& level = levels[i];
      level.size = {options.size.width / downsample, options.size.height / downsample};
      if (i > 0) {
        level.step = downsample / options.downsamples[i - 1];
        if (level.step < 2 || downsample % options.downsamples[i - 1] != 0 || level.size.width < 1 ||
            level.size.height < 1) {
          throw Error(ErrorCode::invalid_argument,
                      fmt::format("{}: downsample {} is not a multiple of {} or leaves no pixel.",
                                  path.string(), downsample, options.downsamples[i - 1]));
        }
        level.rows = Image8(level.size.width, kTile, 3);
      }
      level.path = output.temporary_path();
      if (i > 0) level.path += fmt::format(".level{}", i);
    }
    for (std::size_t i = 0; i < levels.size(); ++i) {
      levels[i].file = open_tiff(levels[i].path, mode);
      set_tags(levels[i].file.get(), i);
    }
  }

  void check_space(double needed) const {
    std::error_code unknown;
    const auto space = std::filesystem::space(output.temporary_path().parent_path(), unknown);
    if (unknown || static_cast<double>(space.available) >= needed) return;
    throw Error(ErrorCode::io_error,
                fmt::format("{}: the slide takes about {:.1f} GB and {:.1f} GB are free; make room or choose "
                            "another folder.",
                            path.string(), needed / 1e9, static_cast<double>(space.available) / 1e9));
  }

  ~Impl() {
    for (std::size_t i = 0; i < levels.size(); ++i) {
      levels[i].file.reset();
      std::error_code ignored;
      if (i > 0) std::filesystem::remove(levels[i].path, ignored);
    }
  }

  void set_tags(TIFF* file, std::size_t index) const {
    const SizeI size = levels[index].size;
    const double downsample_x = static_cast<double>(options.size.width) / static_cast<double>(size.width);
    const double downsample_y = static_cast<double>(options.size.height) / static_cast<double>(size.height);
    TIFFSetField(file, TIFFTAG_IMAGEWIDTH, static_cast<std::uint32_t>(size.width));
    TIFFSetField(file, TIFFTAG_IMAGELENGTH, static_cast<std::uint32_t>(size.height));
    TIFFSetField(file, TIFFTAG_SUBFILETYPE, index == 0 ? 0 : FILETYPE_REDUCEDIMAGE);
    TIFFSetField(file, TIFFTAG_SAMPLESPERPIXEL, 3);
    TIFFSetField(file, TIFFTAG_BITSPERSAMPLE, 8);
    TIFFSetField(file, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    TIFFSetField(file, TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);
    TIFFSetField(file, TIFFTAG_TILEWIDTH, static_cast<std::uint32_t>(kTile));
    TIFFSetField(file, TIFFTAG_TILELENGTH, static_cast<std::uint32_t>(kTile));
    TIFFSetField(file, TIFFTAG_RESOLUTIONUNIT, RESUNIT_CENTIMETER);
    TIFFSetField(file, TIFFTAG_XRESOLUTION, 1e4 / (options.mpp_x * downsample_x));
    TIFFSetField(file, TIFFTAG_YRESOLUTION, 1e4 / (options.mpp_y * downsample_y));
    TIFFSetField(file, TIFFTAG_SOFTWARE, "Tessera");
    if (index == 0 && !options.description.empty()) {
      TIFFSetField(file, TIFFTAG_IMAGEDESCRIPTION, options.description.c_str());
    }
    if (options.jpeg_quality > 0) {
      TIFFSetField(file, TIFFTAG_COMPRESSION, COMPRESSION_JPEG);
      TIFFSetField(file, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_YCBCR);
      TIFFSetField(file, TIFFTAG_YCBCRSUBSAMPLING, 2, 2);
      TIFFSetField(file, TIFFTAG_JPEGQUALITY, options.jpeg_quality);
      TIFFSetField(file, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    } else {
      TIFFSetField(file, TIFFTAG_COMPRESSION, COMPRESSION_ADOBE_DEFLATE);
      TIFFSetField(file, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_RGB);
    }
  }

  [[noreturn]] void fail_writing() const {
    throw Error(ErrorCode::io_error, fmt::format("{}: writing failed; is the disk full?", path.string()));
  }

  void write_tiles(std::size_t index, const Image8& rows, std::int64_t count) {
    Level& level = levels[index];
    std::vector<std::uint8_t> tile(static_cast<std::size_t>(kTile * kTile * 3));
    for (std::int64_t x = 0; x < level.size.width; x += kTile) {
      const std::int64_t columns = std::min(kTile, level.size.width - x);
      for (std::int64_t y = 0; y < kTile; ++y) {
        // The last row and column are repeated into the unused part, so that the border does not ring.
        const std::uint8_t* from = rows.pixel(x, std::min(y, count - 1));
        std::uint8_t* to = tile.data() + y * kTile * 3;
        std::memcpy(to, from, static_cast<std::size_t>(columns * 3));
        for (std::int64_t i = columns; i < kTile; ++i) std::memcpy(to + i * 3, from + (columns - 1) * 3, 3);
      }
      if (TIFFWriteTile(level.file.get(), tile.data(), static_cast<std::uint32_t>(x),
                        static_cast<std::uint32_t>(level.written), 0, 0) < 0) {
        fail_writing();
      }
    }
    level.written += count;
  }

  // Adds the box means of `rows` to level `index`, and writes what fills a row of tiles.
  void reduce_into(std::size_t index, const Image8& rows, std::int64_t count) {
    if (index >= levels.size()) return;
    Level& level = levels[index];
    const std::int64_t step = level.step;
    pending_[index].resize(static_cast<std::size_t>(level.size.width * 3));
    auto& sums = pending_[index];
    for (std::int64_t y = 0; y < count; ++y) {
      const std::uint8_t* from = rows.row(y);
      for (std::int64_t x = 0; x < level.size.width; ++x) {
        for (std::int64_t i = 0; i < step; ++i, from += 3) {
          sums[static_cast<std::size_t>(x * 3)] += from[0];
          sums[static_cast<std::size_t>(x * 3 + 1)] += from[1];
          sums[static_cast<std::size_t>(x * 3 + 2)] += from[2];
        }
      }
      if (++summed_rows_[index] < step) continue;
      summed_rows_[index] = 0;
      if (level.written + level.waiting < level.size.height) {
        std::uint8_t* to = level.rows.row(level.waiting);
        const auto area = static_cast<std::uint32_t>(step * step);
        for (std::size_t i = 0; i < sums.size(); ++i) {
          to[i] = static_cast<std::uint8_t>((sums[i] + area / 2) / area);
        }
        if (++level.waiting == kTile) flush(index);
      }
      std::fill(sums.begin(), sums.end(), 0U);
    }
  }

  void flush(std::size_t index) {
    Level& level = levels[index];
    if (level.waiting == 0) return;
    write_tiles(index, level.rows, level.waiting);
    reduce_into(index + 1, level.rows, level.waiting);
    level.waiting = 0;
  }

  // Moves the finished tiles of a lower level into the output without decoding them.
  void append_level(std::size_t index) {
    Level& level = levels[index];
    level.file.reset();
    const TiffFile from = open_tiff(level.path, "r");
    TIFF* to = levels[0].file.get();
    set_tags(to, index);
    if (options.jpeg_quality > 0) {
      std::uint32_t bytes = 0;
      void* tables = nullptr;
      if (TIFFGetField(from.get(), TIFFTAG_JPEGTABLES, &bytes, &tables) == 1) {
        TIFFSetField(to, TIFFTAG_JPEGTABLES, bytes, tables);
      }
    }
    std::vector<std::uint8_t> raw;
    const std::uint32_t count = TIFFNumberOfTiles(from.get());
    for (std::uint32_t i = 0; i < count; ++i) {
      raw.resize(TIFFGetStrileByteCount(from.get(), i));
      const auto bytes = static_cast<tmsize_t>(raw.size());
      if (TIFFReadRawTile(from.get(), i, raw.data(), bytes) != bytes ||
          TIFFWriteRawTile(to, i, raw.data(), bytes) != bytes) {
        fail_writing();
      }
    }
    if (TIFFWriteDirectory(to) != 1) fail_writing();
  }

  std::filesystem::path path;
  PyramidTiffOptions options;
  AtomicFile output;
  const char* mode = "w";
  std::vector<Level> levels;
  std::vector<std::vector<std::uint32_t>> pending_;
  std::vector<std::int64_t> summed_rows_;
};

PyramidTiffWriter::PyramidTiffWriter(std::filesystem::path path, PyramidTiffOptions options)
    : impl_(std::make_unique<Impl>(std::move(path), std::move(options))) {
  impl_->pending_.resize(impl_->levels.size());
  impl_->summed_rows_.resize(impl_->levels.size(), 0);
}

PyramidTiffWriter::~PyramidTiffWriter() = default;

void PyramidTiffWriter::append_rows(const Image8& rows) {
  const Level& level = impl_->levels.front();
  const std::int64_t expected = std::min(kTilePx, level.size.height - level.written);
  if (rows.width() != level.size.width || rows.height() != expected || rows.channels() != 3 ||
      expected == 0) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{}: got {} rows of {} pixels, expected {} of {}.", impl_->path.string(),
                            rows.height(), rows.width(), expected, level.size.width));
  }
  impl_->write_tiles(0, rows, rows.height());
  impl_->reduce_into(1, rows, rows.height());
}

void PyramidTiffWriter::finish() {
  Impl& impl = *impl_;
  for (std::size_t i = 0; i < impl.levels.size(); ++i) {
    impl.flush(i);
    if (impl.levels[i].written != impl.levels[i].size.height) {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("{}: {} of {} rows were written.", impl.path.string(), impl.levels[i].written,
                              impl.levels[i].size.height));
    }
  }
  if (TIFFWriteDirectory(impl.levels[0].file.get()) != 1) impl.fail_writing();
  for (std::size_t i = 1; i < impl.levels.size(); ++i) impl.append_level(i);
  if (TIFFFlush(impl.levels[0].file.get()) != 1) impl.fail_writing();
  impl.levels[0].file.reset();
  impl.output.commit();
}

}  // namespace imaging
