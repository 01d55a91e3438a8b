#include "app/cli/commands/cases_reply.h"

#include <fmt/format.h>

#include "app/cli/commands/batch_reply.h"
#include "app/report/report_files.h"
#include "imaging/base/version.h"

namespace cli {
namespace {

/// "done: eye.jpg: moderate_npdr (71.2 %), referable 88.4 %, right eye, quality gradable".
std::string fundus_line_of(const workflows::RunRow& row) {
  const auto& result = *row.result;
  const auto& finding = *result.fundus;
  auto line = fmt::format("{}: {}: {}", row.status, row.file, result.verdict.value_or("no verdict"));
  if (const auto& scores = finding.scores) {
    line += fmt::format(" ({:.1f} %), referable {:.1f} %", 100 * scores->confidence,
                        100 * scores->referable_score);
    if (finding.oedema) line += fmt::format(", oedema risk {}", finding.oedema->risk);
  }
  if (result.laterality) line += *result.laterality == "R" ? ", right eye" : ", left eye";
  line += fmt::format(", quality {}", finding.quality.verdict);
  for (const auto& words : {row.reason, result.abstention}) {
    if (!words.empty()) line += "; " + words;
  }
  return line;
}

/// "done: eye.png: share of field of view: vessel 11.2 %".
std::string segmentation_line_of(const workflows::RunRow& row) {
  const auto& finding = *row.result->segmentation;
  auto line = fmt::format("{}: {}: share of {}:", row.status, row.file, finding.share_of);
  for (const auto& one : finding.measurements) {
    if (one.name == "share" && one.value) line += fmt::format(" {} {:.2f} %,", one.subject, 100 * *one.value);
  }
  line.pop_back();
  return row.reason.empty() ? line : line + "; " + row.reason;
}

std::string line_of(const workflows::RunRow& row) {
  if (row.status == "failed") return failure_line(row.file, row.reason);
  const auto& result = *row.result;
  if (result.fundus) return fundus_line_of(row);
  if (result.segmentation) return segmentation_line_of(row);
  double probability = 0;
  for (const auto& [name, value] : result.probabilities) {
    if (name == result.shown_class()) probability = value;
  }
  return fmt::format("{}: {}: {} ({:.1f} %), {} tiles{}", row.status, row.file,
                     result.verdict.value_or("no verdict"), 100 * probability, result.tiles,
                     (row.reason.empty() ? "" : "; " + row.reason) +
                         (result.abstention.empty() ? "" : "; " + result.abstention));
}

nlohmann::ordered_json json_of(const workflows::RunRow& row) {
  nlohmann::ordered_json json{{"file", row.file},      {"case", row.case_name},
                              {"status", row.status},  {"reason_code", row.reason_code},
                              {"reason", row.reason},  {"folder", "cases/" + row.case_name},
                              {"seconds", row.seconds}};
  json["result"] = row.result ? workflows::to_json(*row.result) : nlohmann::ordered_json();
  return json;
}

Reply reply_of(const workflows::RunSummary& summary) {
  Reply reply;
  std::size_t failed = 0;
  reply.json["cases"] = nlohmann::ordered_json::array();
  for (const auto& row : summary.rows) {
    failed += row.status == "failed" ? 1 : 0;
    reply.json["cases"].push_back(json_of(row));
  }
  reply.json["failed"] = failed;
  reply.text += fmt::format("{} of {} inputs analysed, {} failed; {}\n", summary.rows.size() - failed,
                            summary.rows.size(), failed, (summary.out / "cohort.csv").string());
  reply.exit_code = exit_code_of_batch(failed, summary.rows.size());
  return reply;
}

}  // namespace

void run_cases_command(Session& session, const std::filesystem::path& out, const CasesBody& body) {
  session.on_hard_stop([out] { workflows::remove_unfinished_cases(out); });
  session.run([&](const imaging::JobContext& job) {
    session.say(std::string(imaging::kResearchUse));
    const report::ReportFiles reports;
    const auto on_case = [&](const workflows::RunRow& row) { session.print(line_of(row)); };
    return reply_of(body(reports, on_case, job));
  });
}

}  // namespace cli
