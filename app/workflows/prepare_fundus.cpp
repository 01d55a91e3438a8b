#include "app/workflows/prepare_fundus.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <fstream>
#include <utility>

#include "app/workflows/eye.h"
#include "app/workflows/inputs.h"
#include "app/workflows/run_environment.h"
#include "imaging/base/csv.h"
#include "imaging/base/files.h"
#include "imaging/base/json_text.h"
#include "imaging/base/options_json.h"
#include "imaging/base/version.h"
#include "imaging/fundus/fundus_reader.h"
#include "imaging/raster/png.h"
#include "imaging/slide/file_identity.h"

namespace workflows {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

struct Artefacts {
  Artefacts(const fs::path& out, const InputFile& file)
      : image(out / "images" / (file.case_name + ".png")), mask(out / "masks" / (file.case_name + ".png")) {}
  fs::path image, mask;
};

/// What the table says of a photograph; part of what makes it the same as before.
Json facts_of(const InputFile& file) {
  const auto text = [](const std::optional<std::string>& value) { return value ? Json(*value) : Json(); };
  return {{"patient", text(file.patient)},
          {"laterality", text(file.laterality)},
          {"label", text(file.label)},
          {"site", text(file.site)}};
}

/// Prepares one photograph. @return what quality.csv says of it
Json prepare_one(const InputFile& file, const PrepareFundusRequest& request, const SlideSource& source,
                 const Artefacts& artefacts, const imaging::JobContext& job, BatchRow& row) {
  const auto image = imaging::read_fundus(*source.open(file.path, job));
  auto warnings = image.warnings;
  const auto eye = eye_of(file, image, warnings);
  auto prepared = imaging::prepare_fundus(image.pixels, request.options.size, request.quality);
  warnings.insert(warnings.end(), prepared.field.warnings.begin(), prepared.field.warnings.end());
  const auto& quality = prepared.quality;
  const bool is_ungradable = quality.verdict == "ungradable";
  const auto reasons = fmt::format("{}", fmt::join(quality.reasons, "; "));
  if (is_ungradable && request.options.reject_ungradable) {
    throw imaging::Error(imaging::ErrorCode::insufficient_data,
                         fmt::format("{}: ungradable: {}; take the photograph again, or leave out "
                                     "--reject-ungradable.",
                                     file.path.string(), reasons));
  }
  if (request.options.correct_illumination) {
    prepared.crop.image =
        imaging::correct_illumination(prepared.crop.image, prepared.crop.mask, request.illumination);
  }
  imaging::write_png(artefacts.mask, prepared.crop.mask);
  imaging::write_png(artefacts.image, prepared.crop.image);
  row.status = is_ungradable ? "degraded" : "done";
  row.reason = quality.verdict == "gradable" ? "" : fmt::format("{}: {}", quality.verdict, reasons);
  const auto& field = prepared.field;
  const auto& measures = quality.measures;
  return {{"laterality", eye.side},
          {"laterality_source", eye.source},
          {"verdict", quality.verdict},
          {"score", quality.score},
          {"illumination", quality.illumination},
          {"sharpness", quality.sharpness},
          {"coverage", quality.coverage},
          {"exposure", measures.exposure},
          {"clipped", measures.clipped},
          {"evenness", measures.evenness},
          {"focus", measures.focus},
          {"vessel_contrast", measures.vessel_contrast},
          {"seen", measures.seen},
          {"width", image.pixels.width()},
          {"height", image.pixels.height()},
          {"field_method", field.method},
          {"centre_x", field.centre.x},
          {"centre_y", field.centre.y},
          {"radius", field.radius},
          {"box_x", field.box.x},
          {"box_y", field.box.y},
          {"box_width", field.box.width},
          {"box_height", field.box.height},
          {"warnings", fmt::format("{}", fmt::join(warnings, " "))}};
}

constexpr std::array kFacts{"patient", "label", "site"};
constexpr std::array kColumns{"laterality",   "laterality_source", "verdict",    "score",   "illumination",
                              "sharpness",    "coverage",          "exposure",   "clipped", "evenness",
                              "focus",        "vessel_contrast",   "seen",       "width",   "height",
                              "field_method", "centre_x",          "centre_y",   "radius",  "box_x",
                              "box_y",        "box_width",         "box_height", "warnings"};

std::string cell_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return "";
  if (found->is_string()) return found->get<std::string>();
  if (found->is_number_float()) return fmt::format("{:.4f}", found->get<double>());
  return found->dump();
}

/// One row per input, in input order, from the entries of run.json.
std::string quality_csv(const Json& entries) {
  std::vector<std::string> header{"file", "case", "status", "reason_code", "reason"};
  header.insert(header.end(), kFacts.begin(), kFacts.end());
  header.insert(header.end(), kColumns.begin(), kColumns.end());
  auto text = imaging::csv_line(header);
  for (const auto& entry : entries) {
    std::vector<std::string> cells;
    for (const auto* key : {"file", "case", "status", "reason_code", "reason"})
      cells.push_back(cell_of(entry, key));
    for (const auto* key : kFacts) cells.push_back(cell_of(entry["facts"], key));
    for (const auto* key : kColumns) cells.push_back(cell_of(entry["fundus"], key));
    text += imaging::csv_line(cells);
  }
  return text;
}

/// run.json and quality.csv of a run. Both hold every photograph, so they are written every few seconds only;
/// what came since stands in a journal of one line per photograph, so that a killed run forgets only the
/// photograph that it was at.
class RunTables {
 public:
  /// Takes over the entries of an earlier run in the same folder with the same options.
  RunTables(const fs::path& out, Json manifest, const std::vector<InputFile>& files)
      : out_(out), manifest_(std::move(manifest)), entries_(files.size()) {
    const auto earlier = read_earlier();
    for (std::size_t i = 0; i < files.size(); ++i) {
      // Rows of an earlier run stay until this one has come to them.
      if (const auto before = earlier.find(files[i].case_name); before != earlier.end())
        entries_[i] = before->second;
    }
    write();
  }

  /// Null where nothing is known of the photograph.
  [[nodiscard]] Json& entry(std::size_t number) { return entries_[number]; }

  /// What is to outlive a kill from now on.
  void keep(std::size_t number) {
    std::ofstream journal(journal_path(), std::ios::app | std::ios::binary);
    journal << entries_[number].dump(-1, ' ', false, Json::error_handler_t::replace) << '\n' << std::flush;
    if (!journal || std::chrono::steady_clock::now() - written_ > kInterval) write();
  }

  /// @throws Error `io_error`
  void write() {
    manifest_["inputs"] = Json::array();
    for (const auto& known : entries_) {
      if (!known.is_null()) manifest_["inputs"].push_back(known);
    }
    imaging::write_file(out_ / "quality.csv", quality_csv(manifest_["inputs"]));
    imaging::write_file(manifest_path(), json_text(manifest_));
    std::error_code ignored;
    fs::remove(journal_path(), ignored);
    written_ = std::chrono::steady_clock::now();
  }

 private:
  static constexpr std::chrono::seconds kInterval{5};

  [[nodiscard]] fs::path manifest_path() const { return out_ / "run.json"; }
  [[nodiscard]] fs::path journal_path() const { return out_ / ".run.journal"; }

  /// By case name; empty where there are none or their options differ.
  [[nodiscard]] std::map<std::string, Json> read_earlier() const {
    std::map<std::string, Json> entries;
    if (!have_same_keys(manifest_path(), manifest_, {"schema", "tessera", "options", "quality", "light"}))
      return entries;
    const auto take = [&](const Json& entry) {
      if (entry.is_object() && entry.contains("case") && entry["case"].is_string())
        entries[entry["case"].get<std::string>()] = entry;
    };
    for (const auto& entry : read_earlier_entries(manifest_path())) take(entry);
    std::ifstream journal(journal_path(), std::ios::binary);
    for (std::string line; std::getline(journal, line);) {
      try {
        take(imaging::parse_json<Json>(line, journal_path().string()));
      } catch (const imaging::Error&) {
        break;  // the line at which the run was killed
      }
    }
    return entries;
  }

  fs::path out_;
  Json manifest_;
  std::vector<Json> entries_;  ///< one per input
  std::chrono::steady_clock::time_point written_;
};

/// Whether the entry still holds: same facts, same file, both pictures there.
bool is_done(const Json& entry, const InputFile& file, const Artefacts& artefacts, std::stop_token stop) {
  try {
    const auto row = batch_row_from_json(entry);
    return row.status != "failed" && row.file == file.relative && entry.at("facts") == facts_of(file) &&
           entry.at("fundus").is_object() && is_file_with_content(artefacts.image) &&
           is_file_with_content(artefacts.mask) && is_unchanged(file.path, row.stamp, std::move(stop));
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

}  // namespace

std::vector<BatchRow> prepare_fundus_images(const PrepareFundusRequest& request,
                                            const std::function<void(const BatchRow&)>& on_row,
                                            const imaging::JobContext& job) {
  imaging::check_options(request.options);
  imaging::check_options(request.quality);
  imaging::check_options(request.illumination);
  apply_threads(request.runtime.threads);
  const SlideSource source(request.reading, request.inputs.inputs);
  const auto files = collect_inputs(request.inputs, request.out, job).files;
  const Json manifest{{"schema", "tessera.fundus/1"},
                      {"tessera", imaging::kVersion},
                      {"options", imaging::options_to_json(request.options)},
                      {"quality", imaging::options_to_json(request.quality)},
                      {"light", imaging::options_to_json(request.illumination)},
                      {"reading", source.to_json()},
                      {"started", utc_now()},
                      {"inputs", Json::array()}};
  RunTables tables(request.out, manifest, files);
  std::vector<BatchRow> rows;
  const auto total = static_cast<std::int64_t>(files.size());
  const auto prepare = [&](const InputFile& file) {
    const Artefacts artefacts(request.out, file);
    auto& entry = tables.entry(rows.size());
    BatchRow row{.file = file.relative, .case_name = file.case_name, .stamp = stamp_without_hash(file.path)};
    if (!entry.is_null() && is_done(entry, file, artefacts, job.stop_token())) {
      entry["mtime_ns"] = row.stamp.mtime_ns;
      row = batch_row_from_json(entry);
      row.status = "skipped";
    } else {
      Json fundus;
      run_row(row, [&](BatchRow& running) {
        RemoveOnFailure unfinished({artefacts.image, artefacts.mask});
        check_input(file);
        imaging::while_unchanged(file.path, [&] {
          ParallelHash hash(file.path);
          fundus = prepare_one(file, request, source, artefacts, job, running);
          running.stamp.sha256 = hash.get(job.stop_token());
        });
        unfinished.keep();
      });
      row.reason = hide_place(row.reason, file);
      entry = to_json(row);
      entry["facts"] = facts_of(file);
      entry["fundus"] = row.status == "failed" ? Json() : fundus;
      tables.keep(rows.size());
    }
    rows.push_back(row);
    if (on_row) on_row(row);
  };
  try {
    for (const auto& file : files) {
      job.checkpoint("photographs", static_cast<std::int64_t>(rows.size()), total);
      prepare(file);
    }
  } catch (const imaging::Cancelled&) {
    tables.write();
    throw;
  }
  tables.write();
  job.checkpoint("photographs", total, total);
  return rows;
}

}  // namespace workflows
