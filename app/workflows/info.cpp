#include "app/workflows/info.h"

#include "app/workflows/inputs.h"
#include "imaging/slide/reader_table.h"
#include "imaging/tissue/tissue_mask.h"

namespace workflows {
namespace {

nlohmann::ordered_json describe(const InputFile& file, const std::optional<std::string>& mpp,
                                const SlideSource& source, const imaging::JobContext& job) {
  const auto reader = source.open(file.path, job);
  const auto& info = reader->info();
  auto scale = info.scale;
  if (mpp || file.table_mpp) scale = imaging::resolve_scale(info, mpp, file.table_mpp);
  nlohmann::ordered_json entry{
      {"file", file.relative}, {"width", info.size_l0().width}, {"height", info.size_l0().height}};
  entry["levels"] = nlohmann::ordered_json::array();
  for (const auto& level : info.levels) {
    entry["levels"].push_back(
        {{"width", level.width}, {"height", level.height}, {"downsample", level.downsample}});
  }
  entry["mpp_x"] = scale ? nlohmann::ordered_json(scale->mpp_x) : nlohmann::ordered_json();
  entry["mpp_y"] = scale ? nlohmann::ordered_json(scale->mpp_y) : nlohmann::ordered_json();
  entry["mpp_source"] = scale ? nlohmann::ordered_json(scale->source) : nlohmann::ordered_json();
  entry["vendor"] = info.vendor;
  entry["objective_power"] =
      info.objective_power ? nlohmann::ordered_json(*info.objective_power) : nlohmann::ordered_json();
  entry["laterality"] = info.laterality ? nlohmann::ordered_json(*info.laterality) : nlohmann::ordered_json();
  entry["reader"] = info.reader;
  entry["reader_version"] = info.reader_version;
  entry["associated_images"] = info.associated_images;
  entry["warnings"] = info.warnings;
  if (imaging::is_fluorescence(info)) {
    entry["warnings"].push_back(
        "A fluorescence slide by its own metadata; analyze, encode and tile take brightfield slides only.");
  }
  entry["properties"] = info.properties;
  return entry;
}

}  // namespace

std::vector<nlohmann::ordered_json> describe_inputs(const InputOptions& options,
                                                    const ReadingOptions& reading,
                                                    const imaging::JobContext& job) {
  const SlideSource source(reading, options.inputs);
  std::vector<nlohmann::ordered_json> entries;
  for (const auto& file : collect_inputs(options, {}, job).files) {
    nlohmann::ordered_json entry;
    const auto outcome = imaging::run_job(
        [&](const imaging::JobContext& inner) {
          inner.checkpoint("inputs", static_cast<std::int64_t>(entries.size()), 0);
          entry = describe(file, options.mpp, source, inner);
        },
        job);
    if (outcome.status == imaging::JobStatus::cancelled) throw imaging::Cancelled{};
    if (outcome.status == imaging::JobStatus::failed) {
      const auto code = outcome.code.value_or(imaging::ErrorCode::internal);
      entry = {{"file", file.relative},
               {"error", {{"code", imaging::to_string(code)}, {"message", outcome.message}}}};
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace workflows
