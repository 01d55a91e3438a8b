#include "imaging/phantom/checker_slide.h"

#include <fmt/format.h>

#include <algorithm>

#include "imaging/base/error.h"
#include "imaging/base/image.h"
#include "imaging/raster/png.h"
#include "imaging/slide/pyramid_tiff_writer.h"

namespace imaging {
namespace {

constexpr std::int64_t kMaxPixels = 1LL << 30;

Image8 paint_rows(const CheckerOptions& options, std::int64_t first_row, std::int64_t count) {
  Image8 rows(options.columns * options.cell_px, count, 3);
  for (std::int64_t y = 0; y < count; ++y) {
    std::uint8_t* to = rows.row(y);
    for (std::int64_t column = 0; column < options.columns; ++column) {
      const auto colour = checker_colour(column, (first_row + y) / options.cell_px);
      for (std::int64_t i = 0; i < options.cell_px; ++i, to += 3) std::copy(colour.begin(), colour.end(), to);
    }
  }
  return rows;
}

}  // namespace

void write_checker_slide(const std::filesystem::path& path, const CheckerOptions& options) {
  const auto refuse = [&](const std::string& why) {
    throw Error(ErrorCode::invalid_argument, fmt::format("{}: {}.", path.string(), why));
  };
  check_options(options);
  if (options.cell_px < 1 ||
      options.columns * options.cell_px > kMaxPixels / (options.rows * options.cell_px)) {
    refuse(fmt::format("cells of {} pixels make a board above 2^30 pixels", options.cell_px));
  }
  const SizeI size{options.columns * options.cell_px, options.rows * options.cell_px};
  const std::string extension = path.extension().string();
  if (extension == ".png") {
    write_png(path, paint_rows(options, 0, size.height));
    return;
  }
  if (extension != ".tif" && extension != ".tiff") refuse("a checker is written as .png, .tif or .tiff");
  if (options.downsamples.empty() || options.cell_px % options.downsamples.back() != 0) {
    refuse(fmt::format("cells of {} pixels are no multiple of the largest downsample", options.cell_px));
  }
  const std::int64_t smallest = std::min(size.width, size.height) / options.downsamples.back();
  if (smallest < PyramidTiffWriter::kTilePx) {
    refuse(fmt::format(
        "the smallest level has a side of {} pixels, less than a tile of {}, which OpenSlide 3.4 misreads",
        smallest, PyramidTiffWriter::kTilePx));
  }
  PyramidTiffWriter writer(path, {.size = size,
                                  .mpp_x = options.mpp_x,
                                  .mpp_y = options.mpp_y,
                                  .jpeg_quality = static_cast<int>(options.jpeg_quality),
                                  .downsamples = options.downsamples,
                                  .description = "SYNTHETIC checker phantom by Tessera. Not a specimen."});
  for (std::int64_t y = 0; y < size.height; y += PyramidTiffWriter::kTilePx) {
    writer.append_rows(paint_rows(options, y, std::min(PyramidTiffWriter::kTilePx, size.height - y)));
  }
  writer.finish();
}

}  // namespace imaging
