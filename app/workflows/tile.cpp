#include "app/workflows/tile.h"

#include <fmt/format.h>

#include <numeric>

#include "app/workflows/inputs.h"
#include "app/workflows/slide_features.h"
#include "app/workflows/threads.h"
#include "app/workflows/tile_pictures.h"
#include "imaging/base/files.h"
#include "imaging/base/options_json.h"
#include "imaging/base/version.h"
#include "imaging/raster/png.h"
#include "imaging/slide/area_resample.h"
#include "imaging/slide/file_identity.h"
#include "imaging/slide/reader_table.h"
#include "imaging/tiling/tile_stream.h"

namespace workflows {
namespace {

constexpr std::int64_t kStitchSide = 1600;
constexpr std::string_view kScaleOption = "--slide-mpp";  // --mpp is the tiles'

/// What a slide gets.
struct Artefacts {
  Artefacts(const std::filesystem::path& out, const InputFile& file)
      : patches(out / "patches" / (file.case_name + ".h5")),
        tissue(out / "tissue" / (file.case_name + ".geojson")),
        stitch(out / "stitches" / (file.case_name + ".png")),
        tiles(out / "tiles" / file.case_name) {}
  std::filesystem::path patches, tissue, stitch, tiles;
};

/// Writes every tile that decodes. @return how many do not
/// @throws Error   `corrupt_data` where more than the allowed share do not, or none does.
std::size_t write_pictures(const imaging::SlideReader& reader, const imaging::TileGrid& grid,
                           const SlideStain& stain, const CorruptTileOptions& options,
                           const std::filesystem::path& folder, const imaging::JobContext& job) {
  const auto total = static_cast<std::int64_t>(grid.tiles().size());
  imaging::TileStream stream(reader, grid, {.max_corrupt = options.max_corrupt}, job.stop_token());
  while (auto tile = stream.next()) {
    job.checkpoint("tiles", tile->number, total);
    if (stain.normalizer) stain.normalizer->apply(tile->pixels);
    const auto corner = tile_corners(grid, {tile->number});
    imaging::write_png(folder / fmt::format("{}_{}.png", corner[0], corner[1]), tile->pixels);
  }
  require_good_tile(grid, stream.corrupt_tiles());
  return stream.corrupt_tiles().size();
}

void tile_one(const InputFile& file, const TileRequest& request,
              const std::optional<imaging::StainProfile>& target, const SlideSource& source,
              const Artefacts& artefacts, const imaging::JobContext& job, BatchRow& row) {
  const auto reader = source.open(file.path, job);
  const auto scale = imaging::resolve_scale(reader->info(), request.inputs.mpp, file.table_mpp, kScaleOption);
  const auto tissue = imaging::find_tissue(*reader, scale, request.tissue, job);
  auto options = request.grid;
  options.tile_mpp = tile_mpp_on(scale, options.tile_mpp);
  const auto grid = tissue_grid(reader->info(), scale, options, tissue);
  auto warnings = imaging::scale_warnings(reader->info(), scale, kScaleOption);
  for (auto& warning : rejection_warnings(tissue.rejected())) warnings.push_back(std::move(warning));
  std::vector<std::int64_t> numbers(grid.tiles().size());
  std::iota(numbers.begin(), numbers.end(), 0);
  mil::write_coords(artefacts.patches, tile_corners(grid, numbers),
                    coords_attributes(grid, reader->info(), file.case_name, true));
  imaging::write_file(artefacts.tissue, tissue.to_geojson());
  const auto stain = measure_slide_stain(*reader, grid, target);
  auto overview = imaging::read_overview(*reader, kStitchSide);
  if (stain.normalizer) stain.normalizer->apply(overview);
  imaging::write_png(artefacts.stitch, stitch_tiles(std::move(overview), grid));
  warnings.insert(warnings.end(), stain.warnings.begin(), stain.warnings.end());
  const auto corrupt =
      request.pictures ? write_pictures(*reader, grid, stain, request.corrupt, artefacts.tiles, job) : 0;
  row.tiles = static_cast<std::int64_t>(numbers.size());
  set_ending(row, corrupt, warnings);
  row.stain = stain.record;
}

}  // namespace

std::vector<BatchRow> tile_slides(const TileRequest& request,
                                  const std::function<void(const BatchRow&)>& on_row,
                                  const imaging::JobContext& job) {
  imaging::check_options(request.grid);
  imaging::check_options(request.tissue);
  imaging::check_options(request.corrupt);
  apply_threads(request.runtime.threads);
  const SlideSource source(request.reading, request.inputs.inputs);
  const auto target = stain_target_of(request.stain, source, job);
  const auto files = collect_inputs(request.inputs, request.out, job).files;
  nlohmann::ordered_json manifest{
      {"schema", "tessera.tile/1"},
      {"tessera", imaging::kVersion},
      {"options", imaging::options_to_json(request.grid)},
      {"tissue", imaging::options_to_json(request.tissue)},
      {"pictures", request.pictures},
      {"max_corrupt", request.corrupt.max_corrupt},
      {"stain_normalisation", target ? imaging::to_json(*target) : nlohmann::ordered_json()},
      {"reading", source.to_json()},
      {"started", utc_now()},
      {"inputs", nlohmann::ordered_json::array()}};
  std::vector<BatchRow> rows;
  for (const auto& file : files) {
    job.checkpoint("slides", static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(files.size()));
    BatchRow row{.file = file.relative, .case_name = file.case_name, .stamp = stamp_without_hash(file.path)};
    run_row(row, [&](BatchRow& running) {
      const Artefacts artefacts(request.out, file);
      RemoveOnFailure unfinished({artefacts.patches, artefacts.tissue, artefacts.stitch, artefacts.tiles});
      imaging::while_unchanged(file.path,
                               [&] { tile_one(file, request, target, source, artefacts, job, running); });
      unfinished.keep();
    });
    row.reason = hide_place(row.reason, file);
    manifest["inputs"].push_back(to_json(row));
    rows.push_back(std::move(row));
    imaging::write_file(request.out / "tile.json", json_text(manifest));
    if (on_row) on_row(rows.back());
  }
  return rows;
}

}  // namespace workflows
