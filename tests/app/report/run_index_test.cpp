#include "app/report/run_index.h"

#include "app/report/report_files.h"
#include "app/workflows/batch.h"
#include "imaging/base/files.h"
#include "imaging/base/version.h"
#include "sample_case.h"
#include "tests/support/test_support.h"

namespace report {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

void write_manifest(const std::filesystem::path& out, const std::vector<workflows::BatchRow>& rows) {
  nlohmann::ordered_json manifest{{"inputs", nlohmann::ordered_json::array()}};
  for (const auto& row : rows) manifest["inputs"].push_back(workflows::to_json(row));
  imaging::write_file(out / "run.json", manifest.dump());
}

workflows::BatchRow make_row(const std::string& case_name, const std::string& status,
                             const std::string& reason) {
  workflows::BatchRow row;
  row.case_name = case_name;
  row.status = status;
  row.reason = reason;
  return row;
}

TEST(RunIndexTest, ListsEveryInputWithVerdictAndLink) {
  const support::TemporaryFolder out;
  auto result = support::sample_result();
  result.case_name = "slide 1 & co";
  const auto folder = support::write_sample_case(out / ("cases/" + result.case_name), result);
  imaging::write_file(folder.report_html(), "");
  write_manifest(out.path(), {make_row(result.case_name, "skipped", ""),
                              make_row("broken", "failed", "broken.svs is <damaged>.")});

  write_run_index(out.path(), "2026-11-23 14:05");

  const auto html = imaging::read_file(out / "report.html");
  EXPECT_THAT(html, AllOf(HasSubstr("2 inputs, 1 done, 1 failed."), HasSubstr("tumour"), HasSubstr("97.3 %"),
                          HasSubstr(R"(href="cases/slide%201%20%26%20co/report.html">slide 1 &amp; co<)"),
                          HasSubstr("broken.svs is &lt;damaged&gt;."), HasSubstr(imaging::kResearchUse)));
  EXPECT_THAT(html, AllOf(Not(HasSubstr("cases/broken")), Not(HasSubstr(out.path().string()))));
}

TEST(RunIndexTest, RefusesAFolderWithoutARun) {
  const support::TemporaryFolder out;

  EXPECT_THAT([&] { write_run_index(out.path(), "2026-11-23 14:05"); },
              testing::Throws<imaging::Error>(support::HasCode(imaging::ErrorCode::not_found)));
}

}  // namespace
}  // namespace report
