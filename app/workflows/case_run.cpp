#include "app/workflows/case_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "app/workflows/batch.h"
#include "app/workflows/write_reports.h"
#include "imaging/base/csv.h"
#include "imaging/base/files.h"
#include "imaging/base/log.h"
#include "imaging/base/options_json.h"
#include "imaging/base/version.h"
#include "imaging/slide/file_identity.h"
#include "models/runtime/device.h"
#include "models/runtime/model_package.h"

namespace workflows {
namespace fs = std::filesystem;
namespace {

using imaging::Error;
using imaging::ErrorCode;
using Json = nlohmann::ordered_json;

constexpr std::string_view kUnfinishedPrefix = ".unfinished-";

/// A case folder in the making; gone unless it was put in its place.
struct UnfinishedFolder {
  fs::path path;
  ~UnfinishedFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

/// Puts a finished folder in the place of the case's earlier one.
void replace_folder(const fs::path& finished, const fs::path& target) {
  std::error_code error;
  const auto old =
      target.parent_path() / (std::string(kUnfinishedPrefix) + "old-" + target.filename().string());
  fs::remove_all(old, error);
  if (fs::exists(target, error)) fs::rename(target, old, error);
  fs::rename(finished, target, error);
  if (error) {
    throw Error(ErrorCode::io_error, fmt::format("Cannot put the case folder '{}' in its place: {}.",
                                                 target.string(), error.message()));
  }
  fs::remove_all(old, error);
}

/// A failed case holds what is known of its input and nothing that looks like an answer.
void forget_outcome(CaseResult& result) {
  result.verdict.reset();
  result.likeliest.clear();
  result.abstention.clear();
  result.ood.reset();
  result.decision = {};
  result.probabilities.clear();
  result.logits.clear();
  result.score_kind.clear();
  result.score_names.clear();
  result.score_ranges.clear();
  result.top_tiles.clear();
  result.tiles = 0;
  result.fundus.reset();
  result.segmentation.reset();
}

/// Writes a whole case, failed ones too, into a hidden folder and renames it at the end.
CaseResult run_case(CaseKind& kind, const CaseRun& run, const ReportWriter& reports, const InputFile& file,
                    const imaging::JobContext& job) {
  const auto target = run.out / "cases" / file.case_name;
  const CaseFolder folder{target.parent_path() / (std::string(kUnfinishedPrefix) + file.case_name)};
  const UnfinishedFolder unfinished{folder.path};
  std::error_code error;
  fs::remove_all(folder.path, error);
  fs::create_directories(folder.path, error);
  if (error)
    throw Error(ErrorCode::io_error,
                fmt::format("Cannot make the folder '{}': {}.", folder.path.string(), error.message()));

  auto result = kind.start(file);
  ParallelHash hash(file.path);
  const auto outcome = imaging::run_job(
      [&](const imaging::JobContext& inner) {
        check_input(file);
        imaging::while_unchanged(file.path, [&] {
          kind.execute(file, folder, result, inner);
          (void)hash.get(inner.stop_token());  // reads the file too
        });
      },
      job);
  if (outcome.status == imaging::JobStatus::cancelled) throw imaging::Cancelled{};
  if (outcome.status == imaging::JobStatus::failed) {
    // What was written before the failure must not look like a result.
    fs::remove_all(folder.path, error);
    fs::create_directories(folder.path, error);
    result.status = "failed";
    result.reason_code = imaging::to_string(outcome.code.value_or(ErrorCode::internal));
    result.reason = hide_place(outcome.message, file);
    forget_outcome(result);
  }
  try {
    result.sha256 = hash.get(job.stop_token());
    result.size_bytes = stamp_without_hash(file.path).size_bytes;
  } catch (const Error&) {
    result.sha256.clear();  // a file that is not there has none, and the reason already says so
  }
  folder.write_result(result);
  if (run.has_reports) reports.write(folder, printed_now());
  replace_folder(folder.path, target);
  return result;
}

/// False where something of a finished case was deleted or cut to nothing since.
bool holds_every_artefact(const CaseKind& kind, const CaseFolder& folder, const CaseResult& result,
                          bool has_reports) {
  auto paths = kind.artefacts(folder, result);
  if (has_reports) paths.insert(paths.end(), {folder.report_html(), folder.report_pdf()});
  return std::all_of(paths.begin(), paths.end(), &is_file_with_content);
}

/// A photograph's eye and patient may come from the file itself; its options hold what the table said.
bool has_same_facts(const CaseResult& known, const CaseResult& expected) {
  return known.kind == "fundus" ||
         (known.patient == expected.patient && known.laterality == expected.laterality);
}

bool is_done_before(const CaseKind& kind, const CaseRun& run, const InputFile& file, const BatchRow* before,
                    const imaging::JobContext& job, CaseResult& result) {
  const CaseFolder folder{run.out / "cases" / file.case_name};
  std::error_code ignored;
  if (!fs::exists(folder.result(), ignored)) return false;
  try {
    result = folder.read_result();
  } catch (const Error&) {
    return false;
  }
  const auto expected = kind.start(file);
  const bool same_work =
      result.status != "failed" && result.kind == expected.kind && result.file == expected.file &&
      result.model_sha256 == expected.model_sha256 && result.encoder_sha256 == expected.encoder_sha256 &&
      has_same_facts(result, expected) && result.label == expected.label && result.site == expected.site &&
      nlohmann::json(result.options) == nlohmann::json(expected.options);
  if (!same_work || !holds_every_artefact(kind, folder, result, run.has_reports)) return false;
  InputStamp stamp{.size_bytes = result.size_bytes, .mtime_ns = 0, .sha256 = result.sha256};
  if (before != nullptr && before->stamp.sha256 == result.sha256) stamp = before->stamp;
  return is_unchanged(file.path, stamp, job.stop_token());
}

void write_cohort(const fs::path& out, const CaseKind& kind, const std::vector<RunRow>& rows) {
  std::vector<std::string> header{"file",   "case",        "patient", "laterality", "label",     "site",
                                  "status", "reason_code", "reason",  "verdict",    "abstention"};
  const auto class_names = kind.class_names();
  for (const auto& name : class_names) header.push_back("probability_" + name);
  for (auto& name : kind.columns()) header.push_back(std::move(name));
  header.emplace_back("warnings");
  std::string text = imaging::csv_line(header);
  for (const auto& row : rows) {
    const auto result = row.result.value_or(CaseResult{});
    std::vector<std::string> cells{row.file,
                                   row.case_name,
                                   result.patient.value_or(""),
                                   result.laterality.value_or(""),
                                   result.label.value_or(""),
                                   result.site.value_or(""),
                                   row.result ? result.status : row.status,
                                   row.reason_code,
                                   row.reason,
                                   result.verdict.value_or(""),
                                   result.abstention};
    for (const auto& name : class_names) {
      const auto found = std::find_if(result.probabilities.begin(), result.probabilities.end(),
                                      [&](const auto& pair) { return pair.first == name; });
      cells.push_back(found == result.probabilities.end() ? "" : cohort_cell(found->second));
    }
    for (auto& cell : kind.cells(result)) cells.push_back(std::move(cell));
    cells.push_back(fmt::format("{}", fmt::join(result.warnings, " ")));
    text += imaging::csv_line(cells);
  }
  imaging::write_file(out / "cohort.csv", text);
}

/// The manifests list the inputs of one run; cases of other inputs keep their folders and need a word.
void warn_of_other_cases(const fs::path& out, const std::vector<InputFile>& files) {
  std::set<std::string> names;
  for (const auto& file : files) names.insert(file.case_name);
  std::error_code ignored;
  std::int64_t others = 0;
  for (const auto& entry : fs::directory_iterator(out / "cases", ignored))
    others += names.contains(entry.path().filename().string()) ? 0 : 1;
  if (others == 0) return;
  imaging::log(imaging::LogLevel::warning,
               fmt::format("The output folder holds {} cases that are not among these inputs; they stay as "
                           "they are, and run.json and cohort.csv list this run's inputs alone.",
                           others));
}

std::vector<std::pair<std::string, std::string>> engine_versions() {
  return {{"tessera", std::string(imaging::kVersion)}, {"libtorch", models::torch_version()}};
}

Json start_manifest(const CaseRun& run) {
  Json manifest{{"schema", "tessera.run/1"}, {"versions", Json::object()}};
  for (const auto& [name, version] : engine_versions()) manifest["versions"][name] = version;
  manifest.update(run.work);
  manifest["inputs_options"] = imaging::options_to_json(run.inputs);
  if (run.inputs.table) manifest["inputs_options"]["table"] = fs::path(*run.inputs.table).filename().string();
  manifest["reading"] = run.source.to_json();
  manifest["runtime"] = run.environment.to_json();
  manifest["notice"] = imaging::kResearchUse;
  manifest["started"] = utc_now();
  manifest["finished"] = Json();
  manifest["inputs"] = Json::array();
  return manifest;
}

}  // namespace

bool RunSummary::has_failures() const {
  return std::any_of(rows.begin(), rows.end(), [](const RunRow& row) { return row.status == "failed"; });
}

void remove_unfinished_cases(const fs::path& out) {
  std::error_code error;
  std::vector<fs::path> unfinished;
  for (const auto& entry : fs::directory_iterator(out / "cases", error)) {
    if (entry.path().filename().string().starts_with(kUnfinishedPrefix)) unfinished.push_back(entry.path());
  }
  for (const auto& path : unfinished) fs::remove_all(path, error);
}

CaseResult start_case(const InputFile& file, const models::ModelPackage& package) {
  CaseResult result;
  result.case_name = file.case_name;
  result.patient = file.patient;
  result.laterality = file.laterality;
  result.label = file.label;
  result.site = file.site;
  result.file = file.relative;
  result.model_name = package.name();
  result.model_sha256 = package.sha256();
  result.model_architecture = package.architecture();
  const auto& manifest = package.manifest();
  result.model_intended_use = manifest.value("intended_use", "");
  result.model_limitations = manifest.value("limitations", "");
  if (const auto data = manifest.find("training_data"); data != manifest.end())
    result.model_training_data = data->is_string() ? data->get<std::string>() : data->dump();
  result.model_calibration = manifest.value("calibration", Json());
  result.versions = engine_versions();
  return result;
}

std::string cohort_cell(double value) {
  return fmt::format("{}", value);
}

std::string cohort_cell(const std::optional<double>& value) {
  return value ? cohort_cell(*value) : "";
}

RunSummary run_cases(CaseKind& kind, const CaseRun& run, const ReportWriter& reports,
                     const std::function<void(const RunRow&)>& on_case, const imaging::JobContext& job) {
  const auto files = collect_inputs(run.inputs, run.out, job).files;
  remove_unfinished_cases(run.out);
  warn_of_other_cases(run.out, files);

  const auto manifest_path = run.out / "run.json";
  const auto earlier = read_earlier_rows(manifest_path);
  auto manifest = start_manifest(run);
  RunSummary summary{.out = run.out, .rows = {}};
  const auto stage = kind.stage();
  const auto total = static_cast<std::int64_t>(files.size());
  bool has_changed = earlier.size() != files.size();
  const auto write_manifests = [&] {
    imaging::write_file(manifest_path, json_text(manifest));
    write_cohort(run.out, kind, summary.rows);
  };
  for (const auto& file : files) {
    job.checkpoint(stage, static_cast<std::int64_t>(summary.rows.size()), total);
    RunRow row{.file = file.relative, .case_name = file.case_name};
    BatchRow record{
        .file = file.relative, .case_name = file.case_name, .stamp = stamp_without_hash(file.path)};
    const auto* before = find_row(earlier, file.case_name);
    CaseResult known;
    if (is_done_before(kind, run, file, before, job, known)) {
      record.status = known.status;
      record.seconds = before != nullptr ? before->seconds : 0;
      row.status = "skipped";
      row.reason = known.reason;
      row.result = std::move(known);
      has_changed = has_changed || before == nullptr || before->stamp.mtime_ns != record.stamp.mtime_ns;
    } else {
      has_changed = true;
      run_row(record, [&](BatchRow& running) {
        row.result = run_case(kind, run, reports, file, job);
        running.status = row.result->status;
        running.reason_code = row.result->reason_code;
        running.reason = row.result->reason;
      });
      record.reason = hide_place(record.reason, file);
      row.status = record.status;
      row.reason_code = record.reason_code;
      row.reason = record.reason;
      row.seconds = record.seconds;
    }
    if (row.result) {
      record.reason = row.result->reason;
      record.tiles = row.result->tiles;
      record.stamp.sha256 = row.result->sha256;
    }
    manifest["inputs"].push_back(to_json(record));
    summary.rows.push_back(std::move(row));
    if (has_changed) write_manifests();
    if (on_case) on_case(summary.rows.back());
  }
  job.checkpoint(stage, total, total);
  if (has_changed) {
    manifest["finished"] = utc_now();
    write_manifests();
  }
  if (run.has_reports && (has_changed || !is_file_with_content(run.out / "report.html")))
    reports.write_run(run.out, printed_now());
  return summary;
}

}  // namespace workflows
