#include "app/workflows/tile.h"

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
#include "imaging/slide/reader_table.h"

namespace workflows {
namespace {

constexpr std::int64_t kStitchSide = 1600;

void tile_one(const InputFile& file, const TileRequest& request, BatchRow& row) {
  const auto reader = imaging::open_slide(file.path);
  const auto scale = imaging::resolve_scale(reader->info(), request.inputs.mpp, file.table_mpp);
  const auto tissue = imaging::find_tissue(*reader, scale, request.tissue);
  auto options = request.grid;
  options.tile_mpp = tile_mpp_on(scale, options.tile_mpp);
  const auto grid = tissue_grid(reader->info(), scale, options, tissue);
  std::vector<std::int64_t> numbers(grid.tiles().size());
  std::iota(numbers.begin(), numbers.end(), 0);
  mil::write_coords(request.out / "patches" / (file.case_name + ".h5"), tile_corners(grid, numbers),
                    coords_attributes(grid, reader->info(), file.case_name, true));
  imaging::write_file(request.out / "tissue" / (file.case_name + ".geojson"), tissue.to_geojson());
  imaging::write_png(request.out / "stitches" / (file.case_name + ".png"),
                     stitch_tiles(imaging::read_overview(*reader, kStitchSide), grid));
  row.tiles = static_cast<std::int64_t>(numbers.size());
  row.status = "done";
}

}  // namespace

std::vector<BatchRow> tile_slides(const TileRequest& request,
                                  const std::function<void(const BatchRow&)>& on_row,
                                  const imaging::JobContext& job) {
  imaging::check_options(request.grid);
  imaging::check_options(request.tissue);
  apply_threads(request.runtime.threads);
  const auto files = collect_inputs(request.inputs, request.out, job).files;
  nlohmann::ordered_json manifest{{"schema", "tessera.tile/1"},
                                  {"tessera", imaging::kVersion},
                                  {"options", imaging::options_to_json(request.grid)},
                                  {"tissue", imaging::options_to_json(request.tissue)},
                                  {"started", utc_now()},
                                  {"inputs", nlohmann::ordered_json::array()}};
  std::vector<BatchRow> rows;
  for (const auto& file : files) {
    job.checkpoint("slides", static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(files.size()));
    BatchRow row{.file = file.relative, .case_name = file.case_name, .stamp = stamp_without_hash(file.path)};
    run_row(row, [&](BatchRow& running) { tile_one(file, request, running); });
    row.reason = hide_place(row.reason, file);
    manifest["inputs"].push_back(to_json(row));
    rows.push_back(std::move(row));
    imaging::write_file(request.out / "tile.json", json_text(manifest));
    if (on_row) on_row(rows.back());
  }
  return rows;
}

}  // namespace workflows
