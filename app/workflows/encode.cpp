#include "app/workflows/encode.h"

#include "app/workflows/inputs.h"
#include "app/workflows/model_registry.h"
#include "app/workflows/run_environment.h"
#include "app/workflows/slide_features.h"
#include "imaging/base/files.h"
#include "imaging/base/options_json.h"
#include "imaging/base/version.h"
#include "imaging/slide/file_identity.h"
#include "imaging/slide/reader_table.h"

namespace workflows {
namespace {

using Json = nlohmann::ordered_json;

void encode_one(const InputFile& file, const EncodeRequest& request, const models::ModelPackage& package,
                models::Encoder& encoder, const RunEnvironment& environment, const SlideSource& source,
                const imaging::JobContext& job, BatchRow& row) {
  const auto reader = source.open(file.path, job);
  const auto scale = imaging::resolve_scale(reader->info(), request.inputs.mpp, file.table_mpp);
  auto warnings = check_scale(scale, package.spacing_um_px(), package.mpp_tolerance(),
                              request.options.allow_scale_mismatch);
  for (auto& warning : imaging::scale_warnings(reader->info(), scale)) warnings.push_back(std::move(warning));
  const auto tissue = imaging::find_tissue(*reader, scale, request.tissue, job);
  for (auto& warning : rejection_warnings(tissue.rejected())) warnings.push_back(std::move(warning));
  const auto grid = tissue_grid(reader->info(), scale,
                                {.tile_mpp = tile_mpp_on(scale, package.spacing_um_px()),
                                 .tile_px = package.patch_size_pixels(),
                                 .overlap_px = request.options.overlap_px,
                                 .min_tissue = request.options.min_tissue},
                                tissue);
  const auto stain = measure_slide_stain(*reader, grid, stain_target_of(package));
  mil::BagWriter bag(request.out / "h5_files" / (file.case_name + ".h5"), encoder.dim());
  const auto encoded = encode_tiles(*reader, grid, encoder, stain, request.options.batch,
                                    request.options.corrupt, environment.threads.decode, bag, job);
  bag.finish(tile_corners(grid, encoded.numbers),
             {.coords_attributes = coords_attributes(grid, reader->info(), file.case_name, false),
              .features_attributes = features_attributes(package, stain),
              .scores = std::nullopt});
  row.tiles = bag.count();
  warnings.insert(warnings.end(), stain.warnings.begin(), stain.warnings.end());
  set_ending(row, encoded.corrupt.size(), warnings);
  row.stain = stain.record;
}

}  // namespace

std::vector<BatchRow> encode_slides(const EncodeRequest& request,
                                    const std::function<void(const BatchRow&)>& on_row,
                                    const imaging::JobContext& job) {
  imaging::check_options(request.options);
  imaging::check_options(request.tissue);
  const auto environment = prepare_environment(request.runtime);
  const auto package = find_package(request.encoder);
  const auto encoder = models::open_encoder(package, environment.device);
  const SlideSource source(request.reading, request.inputs.inputs);
  const auto files = collect_inputs(request.inputs, request.out, job).files;

  const auto manifest_path = request.out / "encode.json";
  Json manifest{{"schema", "tessera.encode/1"},
                {"tessera", imaging::kVersion},
                {"encoder", {{"name", package.name()}, {"sha256", package.sha256()}}},
                {"stain_normalisation", package.manifest().value("stain_normalisation", Json())},
                {"options", imaging::options_to_json(request.options)},
                {"tissue", imaging::options_to_json(request.tissue)},
                {"mpp", request.inputs.mpp ? Json(*request.inputs.mpp) : Json()},
                {"reading", source.to_json()},
                {"runtime", environment.to_json()},
                {"started", utc_now()},
                {"inputs", Json::array()}};
  const auto earlier = read_earlier_rows(manifest_path);
  const bool same_options = have_same_keys(manifest_path, manifest, {"encoder", "options", "tissue", "mpp"});

  // Rows of an earlier run stay until this one has come to them: a killed run forgets nothing.
  std::vector<Json> entries;
  for (const auto& file : files) {
    const auto* before = same_options ? find_row(earlier, file.case_name) : nullptr;
    entries.push_back(before != nullptr ? to_json(*before) : Json());
  }
  std::vector<BatchRow> rows;
  for (const auto& file : files) {
    job.checkpoint("slides", static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(files.size()));
    BatchRow row{.file = file.relative,
                 .case_name = file.case_name,
                 .stamp = stamp_without_hash(file.path),
                 .table_mpp = file.table_mpp};
    const auto* before = find_row(earlier, file.case_name);
    const auto bag_path = request.out / "h5_files" / (file.case_name + ".h5");
    if (same_options && is_file_with_content(bag_path) && before != nullptr && before->status != "failed" &&
        before->table_mpp == file.table_mpp && is_unchanged(file.path, before->stamp, job.stop_token())) {
      const auto mtime_ns = row.stamp.mtime_ns;
      row = *before;
      row.stamp.mtime_ns = mtime_ns;
      entries[rows.size()] = to_json(row);
      row.status = "skipped";
    } else {
      run_row(row, [&](BatchRow& running) {
        RemoveOnFailure bag({bag_path});  // of other options, or of a file that changed
        imaging::while_unchanged(file.path, [&] {
          ParallelHash hash(file.path);
          encode_one(file, request, package, *encoder, environment, source, job, running);
          running.stamp.sha256 = hash.get(job.stop_token());
        });
        bag.keep();
      });
      row.reason = hide_place(row.reason, file);
      entries[rows.size()] = to_json(row);
    }
    rows.push_back(row);
    manifest["inputs"] = Json::array();
    for (const auto& entry : entries) {
      if (!entry.is_null()) manifest["inputs"].push_back(entry);
    }
    imaging::write_file(manifest_path, json_text(manifest));
    if (on_row) on_row(row);
  }
  job.checkpoint("slides", static_cast<std::int64_t>(files.size()), static_cast<std::int64_t>(files.size()));
  return rows;
}

}  // namespace workflows
