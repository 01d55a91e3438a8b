#include "app/workflows/slide_features.h"

#include <fmt/format.h>

#include <cmath>

#include "imaging/base/error.h"
#include "imaging/tiling/tile_stream.h"

namespace workflows {
namespace {

constexpr double kNotableRejection = 0.05;  // share of the tissue
constexpr double kMppOfTenfold = 10.0;      // µm/px times nominal magnification

}  // namespace

double tile_mpp_on(const imaging::SlideScale& scale, double wanted_mpp) {
  return scale.source == "pixels" ? 1.0 : wanted_mpp;
}

imaging::TileGrid tissue_grid(const imaging::SlideInfo& info, const imaging::SlideScale& scale,
                              const imaging::TileGridOptions& options, const imaging::TissueMask& tissue) {
  try {
    return {info.size_l0(), scale, options, &tissue};
  } catch (const imaging::Error& error) {
    if (error.code() != imaging::ErrorCode::no_tissue) throw;
    throw imaging::Error(error.code(), fmt::format("{}: {}", info.path.string(), error.what()));
  }
}

std::vector<std::string> rejection_warnings(const imaging::TissueRejections& rejected) {
  std::vector<std::string> warnings;
  const auto warn = [&](double share, std::string_view what, std::string_view option) {
    if (share <= kNotableRejection) return;
    warnings.push_back(fmt::format("{:.0f} % of the tissue is {} and was left out; --no-{} keeps it.",
                                   100 * share, what, option));
  };
  warn(rejected.pen, "under pen marks", "reject-pen");
  warn(rejected.folds, "folded", "reject-folds");
  warn(rejected.blur, "out of focus", "reject-blur");
  return warnings;
}

std::vector<std::string> check_scale(const imaging::SlideScale& scale, double spacing, double tolerance,
                                     bool allow) {
  if (scale.source == "pixels") {
    return {
        fmt::format("The scale is not known: the image was tiled by its own pixels, as if each were {} um "
                    "wide, as the model expects.",
                    spacing)};
  }
  const double coarsest = std::max(scale.mpp_x, scale.mpp_y);
  if (coarsest <= spacing * (1 + tolerance)) return {};
  const auto message =
      fmt::format("The slide has {:.4g} um/px, coarser than the model's {:.4g} um/px by more than {:.0f} %",
                  coarsest, spacing, tolerance * 100);
  if (!allow)
    throw imaging::Error(imaging::ErrorCode::scale_mismatch,
                         message + "; --allow-scale-mismatch runs it all the same.");
  return {message + "; run all the same, as asked."};
}

EncodedTiles encode_tiles(const imaging::SlideReader& reader, const imaging::TileGrid& grid,
                          models::Encoder& encoder, const SlideStain& stain, std::int64_t batch,
                          const CorruptTileOptions& damage, int decode, mil::BagWriter& bag,
                          const imaging::JobContext& job) {
  const auto total = static_cast<std::int64_t>(grid.tiles().size());
  EncodedTiles encoded;
  encoded.numbers.reserve(grid.tiles().size());
  imaging::TileStream stream(reader, grid,
                             {.workers = decode, .queue_tiles = 2 * batch, .max_corrupt = damage.max_corrupt},
                             job.stop_token());
  std::vector<imaging::Image8> waiting;
  const auto flush = [&] {
    if (waiting.empty()) return;
    bag.append(encoder.encode(waiting));
    waiting.clear();
    job.checkpoint("tiles", static_cast<std::int64_t>(encoded.numbers.size() + stream.corrupt_tiles().size()),
                   total);
  };
  job.checkpoint("tiles", 0, total);
  while (auto tile = stream.next()) {
    if (job.stop_token().stop_requested()) throw imaging::Cancelled{};
    if (stain.normalizer) stain.normalizer->apply(tile->pixels);
    encoded.numbers.push_back(tile->number);
    waiting.push_back(std::move(tile->pixels));
    if (static_cast<std::int64_t>(waiting.size()) == batch) flush();
  }
  flush();
  for (const auto& tile : stream.corrupt_tiles())
    encoded.corrupt.push_back({tile.index.column, tile.index.row, tile.reason});
  require_good_tile(grid, stream.corrupt_tiles());
  return encoded;
}

std::vector<std::int64_t> tile_corners(const imaging::TileGrid& grid,
                                       const std::vector<std::int64_t>& numbers) {
  std::vector<std::int64_t> coords;
  coords.reserve(2 * numbers.size());
  for (const auto number : numbers) {
    const auto rect = grid.rect_l0(grid.tiles()[static_cast<std::size_t>(number)]);
    coords.push_back(std::llround(rect.x));
    coords.push_back(std::llround(rect.y));
  }
  return coords;
}

std::map<std::string, mil::CoordsAttribute> coords_attributes(const imaging::TileGrid& grid,
                                                              const imaging::SlideInfo& info,
                                                              const std::string& case_name,
                                                              bool level0_patches) {
  const auto& options = grid.options();
  const auto side_l0 = static_cast<std::int64_t>(std::llround(grid.side_l0().x));
  const auto px = static_cast<double>(options.tile_px);
  const std::vector<double> downsample =
      level0_patches ? std::vector<double>{1, 1}
                     : std::vector<double>{grid.side_l0().x / px, grid.side_l0().y / px};
  const auto size = info.size_l0();
  const std::vector<double> level_dim{static_cast<double>(size.width), static_cast<double>(size.height)};
  const auto& scale = grid.scale();
  return {{"patch_size", level0_patches ? side_l0 : options.tile_px},
          {"patch_level", std::int64_t{0}},
          {"downsample", downsample},
          {"level_dim", level_dim},
          {"downsampled_level_dim",
           std::vector<double>{level_dim[0] / downsample[0], level_dim[1] / downsample[1]}},
          {"name", case_name},
          {"save_path", std::string()},
          {"patch_size_level0", side_l0},
          {"level0_magnification", kMppOfTenfold / scale.mpp_x},
          {"target_magnification", kMppOfTenfold / options.tile_mpp},
          {"overlap", options.overlap_px},
          {"savetodir", std::string()},
          {"level0_width", size.width},
          {"level0_height", size.height},
          {"tile_px", options.tile_px},
          {"tile_mpp", options.tile_mpp},
          {"level0_mpp_x", scale.mpp_x},
          {"level0_mpp_y", scale.mpp_y},
          {"mpp_source", scale.source}};
}

}  // namespace workflows
