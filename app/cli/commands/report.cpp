#include <fmt/format.h>

#include "app/cli/command_table.h"
#include "app/cli/commands/batch_reply.h"
#include "app/report/report_files.h"
#include "app/workflows/review.h"
#include "app/workflows/write_reports.h"

namespace cli {

void attach_report(CLI::App& command, Session& session) {
  auto folder = std::make_shared<std::filesystem::path>();
  command.add_option("DIR", *folder, "The OUT of an analysis, or one case folder of it")
      ->required()
      ->type_name("");
  auto review = std::make_shared<workflows::Review>();
  auto* reviewer = command.add_option("--reviewer", review->reviewer, "Sign one case off: who looked at it");
  auto* note = command.add_option("--note", review->note, "What the reviewer says; stands in the report");
  reviewer->needs(note);
  note->needs(reviewer);
  command.callback([folder, review, &session] {
    session.run([&](const imaging::JobContext& job) {
      const report::ReportFiles reports;
      if (!review->reviewer.empty()) {
        review->date = workflows::printed_now();
        const workflows::CaseFolder one{*folder};
        workflows::sign_off(one, *review, reports);
        return Reply{.json = {{"case", one.read_result().case_name}, {"reviewer", review->reviewer}},
                     .text = fmt::format("signed off by {}\n", review->reviewer)};
      }
      const auto rows = workflows::write_reports(*folder, reports, job);
      Reply reply;
      reply.json["cases"] = nlohmann::ordered_json::array();
      for (const auto& row : rows) {
        reply.json["cases"].push_back({{"case", row.case_name},
                                       {"status", row.status},
                                       {"reason_code", row.reason_code},
                                       {"reason", row.reason}});
        if (row.status == "failed") reply.text += failure_line(row.case_name, row.reason) + "\n";
      }
      const auto failed = workflows::count_failed(rows);
      reply.text += fmt::format("{} of {} reports written\n", rows.size() - failed, rows.size());
      reply.exit_code = exit_code_of_batch(failed, rows.size());
      return reply;
    });
  });
}

}  // namespace cli
