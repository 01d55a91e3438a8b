#include "tests/imaging/painted_slide.h"

#include <tiffio.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <stdexcept>

namespace support {
namespace {

using imaging::Image8;
using File = std::unique_ptr<TIFF, void (*)(TIFF*)>;

File create(const std::filesystem::path& path) {
  File file(TIFFOpen(path.c_str(), "w"), &TIFFClose);
  if (!file) throw std::runtime_error("cannot write " + path.string());
  return file;
}

void set_resolution(TIFF* file, float pixels_per_cm) {
  if (pixels_per_cm == 0) return;
  TIFFSetField(file, TIFFTAG_RESOLUTIONUNIT, RESUNIT_CENTIMETER);
  TIFFSetField(file, TIFFTAG_XRESOLUTION, static_cast<double>(pixels_per_cm));
  TIFFSetField(file, TIFFTAG_YRESOLUTION, static_cast<double>(pixels_per_cm));
}

}  // namespace

Image8 paint_positions(std::int64_t width, std::int64_t height) {
  Image8 image(width, height, 3);
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      auto* pixel = image.pixel(x, y);
      pixel[0] = static_cast<std::uint8_t>(x % 256);
      pixel[1] = static_cast<std::uint8_t>(y % 256);
      pixel[2] = static_cast<std::uint8_t>(16 * (x / 256) + y / 256);
    }
  }
  return image;
}

Image8 shrunk(const Image8& fine, std::int64_t step, bool ceil) {
  const auto extra = ceil ? step - 1 : 0;
  Image8 coarse((fine.width() + extra) / step, (fine.height() + extra) / step, 3);
  for (std::int64_t y = 0; y < coarse.height(); ++y) {
    for (std::int64_t x = 0; x < coarse.width(); ++x) {
      for (int c = 0; c < 3; ++c) {
        std::int64_t sum = 0;
        std::int64_t count = 0;
        for (auto v = y * step; v < std::min((y + 1) * step, fine.height()); ++v) {
          for (auto u = x * step; u < std::min((x + 1) * step, fine.width()); ++u, ++count)
            sum += fine.pixel(u, v)[c];
        }
        coarse.pixel(x, y)[c] = static_cast<std::uint8_t>((2 * sum + count) / (2 * count));
      }
    }
  }
  return coarse;
}

void write_tiled_tiff(const std::filesystem::path& path, const std::vector<Image8>& levels,
                      float pixels_per_cm) {
  constexpr std::int64_t kSide = 64;
  const auto file = create(path);
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const auto& image = levels[i];
    TIFFSetField(file.get(), TIFFTAG_SUBFILETYPE, i == 0 ? 0 : FILETYPE_REDUCEDIMAGE);
    TIFFSetField(file.get(), TIFFTAG_IMAGEWIDTH, static_cast<std::uint32_t>(image.width()));
    TIFFSetField(file.get(), TIFFTAG_IMAGELENGTH, static_cast<std::uint32_t>(image.height()));
    TIFFSetField(file.get(), TIFFTAG_BITSPERSAMPLE, 8);
    TIFFSetField(file.get(), TIFFTAG_SAMPLESPERPIXEL, 3);
    TIFFSetField(file.get(), TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_RGB);
    TIFFSetField(file.get(), TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    TIFFSetField(file.get(), TIFFTAG_TILEWIDTH, kSide);
    TIFFSetField(file.get(), TIFFTAG_TILELENGTH, kSide);
    set_resolution(file.get(), pixels_per_cm);
    std::array<std::uint8_t, kSide * kSide * 3> tile{};
    for (std::int64_t y = 0; y < image.height(); y += kSide) {
      for (std::int64_t x = 0; x < image.width(); x += kSide) {
        tile.fill(0);
        const auto bytes = static_cast<std::size_t>(3 * std::min(kSide, image.width() - x));
        for (std::int64_t row = 0; row < std::min(kSide, image.height() - y); ++row) {
          std::memcpy(tile.data() + 3 * kSide * row, image.pixel(x, y + row), bytes);
        }
        TIFFWriteTile(file.get(), tile.data(), static_cast<std::uint32_t>(x), static_cast<std::uint32_t>(y),
                      0, 0);
      }
    }
    TIFFWriteDirectory(file.get());
  }
}

void write_strip_tiff(const std::filesystem::path& path, std::int64_t width, std::int64_t height,
                      const std::vector<std::uint16_t>& pixels, const StripTiff& form) {
  const auto file = create(path);
  TIFFSetField(file.get(), TIFFTAG_IMAGEWIDTH, static_cast<std::uint32_t>(width));
  TIFFSetField(file.get(), TIFFTAG_IMAGELENGTH, static_cast<std::uint32_t>(height));
  TIFFSetField(file.get(), TIFFTAG_BITSPERSAMPLE, form.bits);
  TIFFSetField(file.get(), TIFFTAG_SAMPLESPERPIXEL, form.samples);
  TIFFSetField(file.get(), TIFFTAG_PHOTOMETRIC, form.samples == 1 ? PHOTOMETRIC_MINISBLACK : PHOTOMETRIC_RGB);
  TIFFSetField(file.get(), TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
  TIFFSetField(file.get(), TIFFTAG_ROWSPERSTRIP, 3);
  TIFFSetField(file.get(), TIFFTAG_COMPRESSION, form.compression);
  TIFFSetField(file.get(), TIFFTAG_ORIENTATION, form.orientation);
  if (form.samples == 4) {
    const std::uint16_t kind = EXTRASAMPLE_UNASSALPHA;
    TIFFSetField(file.get(), TIFFTAG_EXTRASAMPLES, 1, &kind);
  }
  set_resolution(file.get(), form.pixels_per_cm);
  const auto count = static_cast<std::size_t>(width * form.samples);
  for (std::size_t y = 0; y < static_cast<std::size_t>(height); ++y) {
    std::vector<std::uint16_t> wide(pixels.begin() + static_cast<std::ptrdiff_t>(y * count),
                                    pixels.begin() + static_cast<std::ptrdiff_t>((y + 1) * count));
    std::vector<std::uint8_t> narrow(wide.begin(), wide.end());
    void* row = form.bits == 16 ? static_cast<void*>(wide.data()) : static_cast<void*>(narrow.data());
    TIFFWriteScanline(file.get(), row, static_cast<std::uint32_t>(y), 0);
  }
}

}  // namespace support
