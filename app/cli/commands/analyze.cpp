#include "app/workflows/analyze.h"

#include <fmt/format.h>

#include "app/cli/bind_fields.h"
#include "app/cli/bind_inputs.h"
#include "app/cli/command_table.h"
#include "app/cli/commands/batch_reply.h"
#include "app/report/report_files.h"
#include "imaging/base/version.h"

namespace cli {
namespace {

std::string line_of(const workflows::RunRow& row) {
  if (row.status == "failed") return failure_line(row.file, row.reason);
  const auto& result = *row.result;
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

void attach_analyze(CLI::App& command, Session& session) {
  auto request = std::make_shared<workflows::AnalyzeRequest>();
  command
      .add_option("--model", request->model,
                  "Slide classifier: a package's path, or the name of an installed one")
      ->required()
      ->type_name("PKG");
  command
      .add_option("--encoder", request->encoder,
                  "Encoder package, where it is neither beside the model nor installed")
      ->type_name("PKG");
  command.add_option("--out", request->out, "Folder for run.json, cohort.csv and cases/")
      ->required()
      ->type_name("DIR");
  bind_inputs(command, request->inputs);
  bind_fields(command, request->options);
  bind_fields(command, request->tissue);
  bind_fields(command, request->inside);
  bind_fields(command, request->reading);
  command.callback([request, &session] {
    session.on_hard_stop([out = request->out] { workflows::remove_unfinished_cases(out); });
    session.run([&](const imaging::JobContext& job) {
      session.say(std::string(imaging::kResearchUse));
      request->runtime = session.runtime();
      const report::ReportFiles reports;
      const auto on_case = [&](const workflows::RunRow& row) { session.print(line_of(row)); };
      return reply_of(workflows::analyze(*request, reports, on_case, job));
    });
  });
}

}  // namespace cli
