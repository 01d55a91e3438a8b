#include "imaging/raster/label_image.h"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "imaging/base/error.h"
#include "imaging/slide/picture_pyramid.h"
#include "imaging/slide/row_decoder.h"

namespace imaging {
namespace fs = std::filesystem;
namespace {

std::unique_ptr<RowDecoder> open_rows(const fs::path& path) {
  std::error_code failed;
  if (!fs::is_regular_file(path, failed))
    throw Error(ErrorCode::not_found, fmt::format("{}: no such mask.", path.string()));
  std::array<char, 4> start{};
  std::ifstream(path, std::ios::binary).read(start.data(), start.size());
  const std::string_view magic(start.data(), start.size());
  if (magic == "\x89PNG") return open_png_numbers(path, kPixelsInMemory);
  if (magic.starts_with("\xff\xd8")) return open_jpeg_rows(path, kPixelsInMemory);
  if (magic.starts_with("II") || magic.starts_with("MM")) return open_tiff_rows(path, kPixelsInMemory);
  throw Error(ErrorCode::unsupported_format,
              fmt::format("{}: a mask is a PNG, a TIFF or a JPEG, and this is none of them.", path.string()));
}

}  // namespace

LabelImage read_label_image(const fs::path& path) {
  const auto rows = open_rows(path);
  const auto& format = rows->format();
  const auto [width, height] = format.size;
  if (width > kPixelsInMemory / height) {
    throw Error(ErrorCode::resource_exhausted,
                fmt::format("{}: a mask of {} x {} pixels is larger than the {} that are read; cut image and "
                            "mask into parts.",
                            path.string(), width, height, kPixelsInMemory));
  }
  if (format.orientation != 1) {
    throw Error(
        ErrorCode::unsupported_format,
        fmt::format("{}: a mask must be stored upright, and its orientation tag says {}; save it turned.",
                    path.string(), format.orientation));
  }
  const auto channels = static_cast<std::size_t>(format.channels);
  const auto bytes = static_cast<std::size_t>(format.bits / 8);
  const int most = format.bits == 16 ? 65535 : 255;
  const auto colours = channels >= 3 ? std::size_t{3} : std::size_t{1};
  std::vector<std::uint8_t> row(static_cast<std::size_t>(width) * channels * bytes);
  const auto sample = [&](std::size_t at) {
    std::uint16_t value = row[at * bytes];
    if (bytes == 2) std::memcpy(&value, row.data() + at * 2, 2);
    return value;
  };
  LabelImage labels(width, height, 1);
  for (std::int64_t y = 0; y < height; ++y) {
    rows->read_row(row.data());
    auto* out = labels.row(y);
    for (std::size_t x = 0; x < static_cast<std::size_t>(width); ++x) {
      const auto value = sample(x * channels);
      for (std::size_t c = 1; c < colours; ++c) {
        if (sample(x * channels + c) == value) continue;
        throw Error(
            ErrorCode::unsupported_format,
            fmt::format("{}: the mask is coloured at ({}, {}), and its numbers are wanted; save it as a "
                        "grey or an indexed PNG.",
                        path.string(), x, y));
      }
      out[x] = format.is_white_at_zero ? static_cast<std::uint16_t>(most - value) : value;
    }
  }
  rows->finish();
  return labels;
}

}  // namespace imaging
