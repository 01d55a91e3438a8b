#include "sample_case.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <string>

#include "imaging/raster/ome_tiff.h"
#include "imaging/raster/png.h"

namespace support {
namespace {

constexpr std::int64_t kColumns = 16;
constexpr std::int64_t kRows = 12;
constexpr double kTileSide = 256;

bool is_scored(std::int64_t column, std::int64_t row) {
  return column > 0 && row > 0 && column < kColumns - 1 && row < kRows - 1;
}

/// Pink with darker dots on white, so that the two overviews and the tiles can be told apart.
imaging::Image8 paint_tissue(std::int64_t width, std::int64_t height, std::int64_t margin) {
  imaging::Image8 image(width, height, 3, 245);
  for (std::int64_t y = margin; y < height - margin; ++y) {
    for (std::int64_t x = margin; x < width - margin; ++x) {
      const bool is_dot = (x / 7 + y / 5) % 4 == 0;
      auto* pixel = image.pixel(x, y);
      pixel[0] = is_dot ? 110 : 225;
      pixel[1] = is_dot ? 70 : 160;
      pixel[2] = is_dot ? 150 : 190;
    }
  }
  return image;
}

}  // namespace

imaging::ScoreRaster sample_scores() {
  imaging::ScoreRaster raster;
  raster.values = imaging::ImageF(kColumns, kRows, 1, std::numeric_limits<float>::quiet_NaN());
  raster.channel_names = {"attention"};
  raster.pixel_l0 = {kTileSide, kTileSide};
  raster.pixel_um = {kTileSide / 2, kTileSide / 2};
  double total = 0;
  const auto weight = [](std::int64_t column, std::int64_t row) {
    return std::exp(
        -(std::pow(static_cast<double>(column) - 10, 2) + std::pow(static_cast<double>(row) - 4, 2)) / 8);
  };
  for (std::int64_t row = 0; row < kRows; ++row) {
    for (std::int64_t column = 0; column < kColumns; ++column)
      total += is_scored(column, row) ? weight(column, row) : 0;
  }
  for (std::int64_t row = 0; row < kRows; ++row) {
    for (std::int64_t column = 0; column < kColumns; ++column) {
      if (is_scored(column, row))
        *raster.values.pixel(column, row) = static_cast<float>(weight(column, row) / total);
    }
  }
  return raster;
}

workflows::CaseResult sample_result() {
  workflows::CaseResult result;
  result.case_name = "painted-slide";
  result.file = "batch/painted-slide.svs";
  result.sha256 = std::string(32, 'a') + std::string(32, '1');
  result.size_bytes = 1938955;
  result.reader = "openslide";
  result.reader_version = "3.4.1";
  result.vendor = "aperio";
  result.size_l0 = {4096, 3072};
  result.scale = imaging::SlideScale{0.5, 0.5, "openslide.mpp"};
  result.model_name = "phantom-tumour-abmil";
  result.model_sha256 = std::string(32, 'b') + std::string(32, '2');
  result.model_architecture = "abmil";
  result.encoder_name = "phantom-encoder";
  result.encoder_sha256 = std::string(32, 'c') + std::string(32, '3');
  result.tile_mpp = 0.5;
  result.tile_px = 256;
  result.grid_columns = kColumns;
  result.grid_rows = kRows;
  result.tile_side_l0 = {kTileSide, kTileSide};
  result.tile_stride_l0 = {kTileSide, kTileSide};
  result.tissue_fraction = 0.729;
  result.verdict = "tumour";
  result.probabilities = {{"normal", 0.0274}, {"tumour", 0.9726}};
  result.logits = {{"normal", -1.78}, {"tumour", 1.79}};
  result.tiles = (kColumns - 2) * (kRows - 2);
  result.score_kind = "attention";
  result.score_names = {"attention"};
  const auto raster = sample_scores();
  const auto range = imaging::painted_range(raster, 0);
  result.score_ranges = {{range.low, range.high}};
  for (std::int64_t at = 0; at < 8; ++at) {
    const std::int64_t column = 8 + at % 4;
    const std::int64_t row = 4 + at / 4;
    result.top_tiles.push_back({.number = at,
                                .rect_l0 = {static_cast<double>(column) * kTileSide,
                                            static_cast<double>(row) * kTileSide, kTileSide, kTileSide},
                                .scores = {*raster.values.pixel(column, row)},
                                .image = fmt::format("top_tiles/{:02}.png", at + 1)});
  }
  result.warnings = {"The model was trained on synthetic slides only."};
  result.options = {{"overlap_px", 0},
                    {"min_tissue", 0.25},
                    {"colormap", "viridis"},
                    {"opacity", 0.45},
                    {"tissue", {{"seg_mpp", 8.0}, {"use_otsu", true}}}};
  result.versions = {{"libtorch", "1.13.1"}, {"hdf5", "1.10.8"}};
  return result;
}

workflows::CaseResult sample_failure() {
  workflows::CaseResult result;
  result.case_name = "no-scale";
  result.status = "failed";
  result.reason_code = "missing_scale";
  result.reason = "no-scale.png does not say how large a pixel is.";
  result.file = "no-scale.png";
  result.sha256 = std::string(64, 'd');
  result.size_bytes = 52;
  result.reader = "flat";
  result.vendor = "png";
  result.size_l0 = {775, 522};
  result.model_name = "phantom-tumour-abmil";
  result.model_sha256 = std::string(64, 'b');
  return result;
}

workflows::CaseFolder write_sample_case(const std::filesystem::path& folder,
                                        const workflows::CaseResult& result) {
  const workflows::CaseFolder written{folder};
  std::filesystem::create_directories(folder / "top_tiles");
  written.write_result(result);
  if (result.status == "failed") return written;
  imaging::write_png(written.thumbnail(), paint_tissue(640, 480, 40));
  imaging::write_ome_tiff(written.attention(), sample_scores());
  for (std::size_t at = 0; at < result.top_tiles.size(); ++at) {
    imaging::write_png(folder / result.top_tiles[at].image,
                       paint_tissue(64, 64, static_cast<std::int64_t>(at)));
  }
  return written;
}

}  // namespace support
