#include "imaging/slide/flat_reader.h"

#include <fmt/format.h>
#include <png.h>
#include <tiffio.h>

#include <array>
#include <fstream>
#include <string_view>
#include <utility>

#include "imaging/base/error.h"
#include "imaging/slide/detail/jpeg_tile.h"
#include "imaging/slide/file_scale.h"
#include "imaging/slide/picture_pyramid.h"
#include "imaging/slide/rgb_rows.h"
#include "imaging/slide/row_decoder.h"
#include "imaging/slide/tiff_rows.h"

namespace imaging {
namespace fs = std::filesystem;
namespace {

constexpr double kMostBytesPerByte = 1100;

struct Kind {
  std::string_view name;
  std::array<std::string_view, 4> magics;
  std::unique_ptr<RowDecoder> (*open)(const fs::path&, std::int64_t);
};

using namespace std::string_view_literals;
constexpr std::array kKinds{
    Kind{"png", {"\x89PNG\r\n\x1a\n"sv}, &open_png_rows},
    Kind{"jpeg", {"\xff\xd8\xff"sv}, &open_jpeg_rows},
    Kind{"tiff", {"II*\0"sv, "MM\0*"sv, "II+\0"sv, "MM\0+"sv}, &open_tiff_rows},
};

const Kind* find_kind(const fs::path& path) {
  std::array<char, 8> bytes{};
  std::ifstream in(path, std::ios::binary);
  in.read(bytes.data(), bytes.size());
  const std::string_view start(bytes.data(), static_cast<std::size_t>(in.gcount()));
  for (const auto& kind : kKinds) {
    for (const auto magic : kind.magics) {
      if (!magic.empty() && start.starts_with(magic)) return &kind;
    }
  }
  return nullptr;
}

/// Scale and pages.
void describe_tiff(const fs::path& path, SlideInfo& info) {
  const auto file = open_tiff(path, "rm");
  if (!file) refuse_damaged(path, last_tiff_message());
  ScaleClaims claims;
  const char* description = nullptr;  // OME-XML stands in the first image, whichever is shown
  if (TIFFGetField(file.get(), TIFFTAG_IMAGEDESCRIPTION, &description) == 1 && description != nullptr)
    add_ome_claims(description, claims);
  const auto page = first_full_page(file.get());
  if (page.count > 1) {
    info.warnings.push_back(fmt::format("The TIFF holds {}{} images; only number {} is shown.",
                                        page.count == kMaxTiffPages ? "at least " : "", page.count,
                                        page.index + 1));
  }
  std::uint16_t orientation = ORIENTATION_TOPLEFT;
  std::uint16_t unit = RESUNIT_INCH;
  float x_resolution = 0;
  float y_resolution = 0;
  TIFFGetFieldDefaulted(file.get(), TIFFTAG_ORIENTATION, &orientation);
  TIFFGetFieldDefaulted(file.get(), TIFFTAG_RESOLUTIONUNIT, &unit);
  if (orientation >= 5) std::swap(claims.ome_x, claims.ome_y);
  if (TIFFGetField(file.get(), TIFFTAG_XRESOLUTION, &x_resolution) == 1 &&
      TIFFGetField(file.get(), TIFFTAG_YRESOLUTION, &y_resolution) == 1) {
    if (orientation >= 5) std::swap(x_resolution, y_resolution);
    claims.tiff_x_resolution = static_cast<double>(x_resolution);
    claims.tiff_y_resolution = static_cast<double>(y_resolution);
    claims.tiff_unit = unit == RESUNIT_CENTIMETER ? "centimeter" : unit == RESUNIT_INCH ? "inch" : "none";
    info.properties["tiff.ResolutionUnit"] = claims.tiff_unit;
    info.properties["tiff.XResolution"] = fmt::format("{}", x_resolution);
    info.properties["tiff.YResolution"] = fmt::format("{}", y_resolution);
  }
  info.scale = judge_scale(claims, info.warnings);
}

}  // namespace

void refuse_kind(const fs::path& path, std::string_view why) {
  throw Error(ErrorCode::unsupported_format, fmt::format("{}: {}.", path.string(), why));
}

void refuse_damaged(const fs::path& path, std::string_view why) {
  throw Error(ErrorCode::corrupt_data, fmt::format("{}: cannot be decoded: {}.", path.string(), why));
}

void check_picture_size(const fs::path& path, SizeI size, int bits, std::int64_t pixels_in_memory) {
  const auto [width, height] = size;
  if (width <= 0 || height <= 0)
    refuse_damaged(path, fmt::format("its size is {} x {} pixels", width, height));
  if (width > kMaxFlatSide || height > kMaxFlatSide) {
    throw Error(
        ErrorCode::resource_exhausted,
        fmt::format("{}: {} x {} pixels; a side may have {}: cut the picture, or convert it to a tiled "
                    "pyramidal TIFF.",
                    path.string(), width, height, kMaxFlatSide));
  }
  if (width * height <= pixels_in_memory) return;
  std::error_code failed;
  const auto bytes = fs::file_size(path, failed);
  const double decoded = static_cast<double>(width) * static_cast<double>(height) * bits / 8;
  if (failed || decoded > kMostBytesPerByte * static_cast<double>(bytes)) {
    throw Error(
        ErrorCode::resource_exhausted,
        fmt::format("{}: claims {} x {} pixels in a file of {} bytes, which no picture needs so little "
                    "for; the file is damaged or made to exhaust memory: export the picture again.",
                    path.string(), width, height, failed ? 0 : bytes));
  }
}

std::string flat_reader_version() {
  const std::string_view tiff = TIFFGetVersion();  // "LIBTIFF, Version 4.5.0\nCopyright ..."
  const auto line = tiff.substr(0, tiff.find('\n'));
  return fmt::format("libpng {}, libjpeg-turbo {}, libtiff {}", PNG_LIBPNG_VER_STRING,
                     detail::libjpeg_turbo_version(), line.substr(line.rfind(' ') + 1));
}

bool flat_recognises(const fs::path& path) {
  return find_kind(path) != nullptr;
}

std::unique_ptr<SlideReader> open_flat_image(const fs::path& path, std::int64_t pixels_in_memory) {
  const auto* kind = find_kind(path);
  if (kind == nullptr) {
    throw Error(ErrorCode::unsupported_format, fmt::format("{}: neither PNG, JPEG nor TIFF.", path.string()));
  }
  SlideInfo info;
  info.path = path;
  info.reader = "flat";
  info.reader_version = flat_reader_version();
  info.vendor = kind->name;
  if (kind->name == "tiff") describe_tiff(path, info);

  auto rows = kind->open(path, pixels_in_memory);
  int white = 255;
  if (rows->format().bits == 16) {
    white = measure_white(*rows);
    info.warnings.push_back(deep_picture_warning(white));
    rows = kind->open(path, pixels_in_memory);
  }
  RgbRows rgb(*rows, white);
  const auto read_band = [&](Image8& band) { rgb.read(band); };
  const auto end = [&](SlideInfo& read) {
    rows->finish();
    if (rows->complaint().empty()) return;
    read.warnings.push_back(
        fmt::format("The decoder complains, and parts may be wrong: {}.", rows->complaint()));
  };
  const auto format = rows->format();
  return make_picture_reader(std::move(info), format.size, format.orientation, read_band, end,
                             pixels_in_memory);
}

std::unique_ptr<SlideReader> open_flat_image(const fs::path& path) {
  return open_flat_image(path, kPixelsInMemory);
}

}  // namespace imaging
