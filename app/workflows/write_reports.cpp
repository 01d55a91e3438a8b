#include "app/workflows/write_reports.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

#include "imaging/base/error.h"

namespace workflows {
namespace fs = std::filesystem;

std::vector<BatchRow> write_reports(const fs::path& folder, const ReportWriter& reports,
                                    const imaging::JobContext& job) {
  std::vector<CaseFolder> cases;
  std::error_code ignored;
  if (fs::exists(CaseFolder{folder}.result(), ignored)) {
    cases.push_back({fs::absolute(folder).lexically_normal()});
  } else {
    for (const auto& entry : fs::directory_iterator(folder / "cases", ignored)) {
      if (!entry.path().filename().string().starts_with(".") && fs::exists(CaseFolder{entry.path()}.result()))
        cases.push_back({entry.path()});
    }
  }
  if (cases.empty()) {
    throw imaging::Error(
        imaging::ErrorCode::not_found,
        fmt::format("'{}' holds neither result.json nor cases/*/result.json; give the --out of an analysis.",
                    folder.string()));
  }
  std::sort(cases.begin(), cases.end(),
            [](const CaseFolder& a, const CaseFolder& b) { return a.path < b.path; });
  std::vector<BatchRow> rows;
  for (const auto& one : cases) {
    job.checkpoint("reports", static_cast<std::int64_t>(rows.size()),
                   static_cast<std::int64_t>(cases.size()));
    BatchRow row{.case_name = one.path.filename().string()};
    run_row(row, [&](BatchRow& running) {
      reports.write(one, printed_now());
      running.status = "done";
    });
    rows.push_back(std::move(row));
  }
  if (is_file_with_content(folder / "run.json")) reports.write_run(folder, printed_now());
  return rows;
}

std::string printed_now() {
  return fmt::format("{:%Y-%m-%d %H:%M}",
                     fmt::localtime(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())));
}

}  // namespace workflows
