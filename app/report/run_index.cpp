#include "app/report/run_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "app/report/html_page.h"
#include "app/report/patient_report.h"
#include "app/report/report_model.h"
#include "app/report/segment_words.h"
#include "app/workflows/batch.h"
#include "app/workflows/case_folder.h"
#include "imaging/base/error.h"
#include "imaging/base/files.h"

namespace report {
namespace fs = std::filesystem;
namespace {

struct IndexRow {
  std::string case_name;
  std::string status;
  std::string outcome;  ///< verdict, or why there is none
  std::string percent;
  std::string eye;        ///< "R", "L" or empty; of photographs
  std::string referable;  ///< of photographs
  std::string tiles;
  bool is_fundus = false;
  std::string warnings;
  bool has_report = false;
};

IndexRow make_row(const fs::path& out, const workflows::BatchRow& batch) {
  IndexRow row;
  row.case_name = batch.case_name;
  row.status = batch.status;
  row.outcome = batch.reason;
  const workflows::CaseFolder folder{out / "cases" / batch.case_name};
  row.has_report = fs::exists(folder.report_html());
  if (!fs::exists(folder.result())) return row;
  const auto result = folder.read_result();
  row.status = result.status;
  row.outcome = result.verdict.value_or(result.reason);
  for (const auto& [name, probability] : result.probabilities) {
    if (name == result.shown_class() && result.abstention.empty()) row.percent = percent_text(probability);
  }
  if (result.segmentation) row.outcome = segment_headline(*result.segmentation);
  row.is_fundus = result.kind == "fundus" && !result.segmentation;
  if (row.is_fundus) {
    row.eye = result.laterality.value_or("");
    if (result.verdict) row.outcome = workflows::grade_words(*result.verdict).brief;
    if (result.fundus && result.fundus->scores) {
      const auto& scores = *result.fundus->scores;
      row.referable =
          fmt::format("{} ({})", scores.is_referable ? (*scores.is_referable ? "yes" : "no") : "not decided",
                      percent_text(scores.referable_score));
    }
  }
  if (result.tiles > 0) row.tiles = fmt::format("{}", result.tiles);
  if (!result.warnings.empty()) row.warnings = fmt::format("{}", result.warnings.size());
  return row;
}

/// A case name as one step of a relative URL (RFC 3986).
std::string escape_url(std::string_view name) {
  std::string escaped;
  for (const char letter : name) {
    const bool is_plain = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                          (letter >= '0' && letter <= '9') ||
                          std::string_view("-._~").find(letter) != std::string_view::npos;
    if (is_plain) {
      escaped += letter;
    } else {
      escaped += fmt::format("%{:02X}", static_cast<unsigned char>(letter));
    }
  }
  return escaped;
}

std::string count_text(const std::vector<IndexRow>& rows) {
  auto text = fmt::format("{} {}", rows.size(), rows.size() == 1 ? "input" : "inputs");
  for (const auto* status : {"done", "degraded", "failed"}) {
    const auto count =
        std::count_if(rows.begin(), rows.end(), [&](const IndexRow& row) { return row.status == status; });
    if (count > 0) text += fmt::format(", {} {}", count, status);
  }
  return text + ".";
}

void add_headings(HtmlPage& page, const std::vector<const char*>& names, std::string_view attribute) {
  for (const auto* name : names) page.add(R"(<th scope="col"{}>{}</th>)", attribute, name);
}

void add_patients(HtmlPage& page, const fs::path& out) {
  const auto patients = find_patients(out);
  if (patients.empty()) return;
  page.add("<section>\n<h2>Both eyes of a patient</h2>\n<ul>");
  for (const auto& patient : patients) {
    page.add(R"(<li><a href="patients/{}/report.html">{}</a></li>)", escape_url(patient.folder),
             escape_html(patient.name));
  }
  page.add("</ul>\n</section>");
}

}  // namespace

void write_run_index(const fs::path& out, const std::string& printed_date) {
  const auto batch = workflows::read_earlier_rows(out / "run.json");
  if (batch.empty()) {
    throw imaging::Error(
        imaging::ErrorCode::not_found,
        fmt::format("'{}' holds no run.json with inputs; give the --out of an analysis.", out.string()));
  }
  std::vector<IndexRow> rows;
  for (const auto& row : batch) rows.push_back(make_row(out, row));

  HtmlPage page(fmt::format("{}: all cases", kTitle));
  page.add(R"(<header><div><p class="title">{}</p><h1>All cases</h1></div>)", kTitle);
  page.add(R"(<div class="status"><p class="printed">Printed {}</p></div></header>)",
           escape_html(printed_date));
  page.add("<section>\n<p>{}</p>\n<table class=\"cases\">", count_text(rows));
  const bool is_fundus = std::ranges::any_of(rows, &IndexRow::is_fundus);
  page.add("<thead><tr>");
  add_headings(page, {"Case", "Status", "Verdict"}, "");
  add_headings(page,
               is_fundus ? std::vector{"Probability", "Referable", "Eye", "Warnings"}
                         : std::vector{"Probability", "Tiles", "Warnings"},
               R"( class="number")");
  page.add("</tr></thead>\n<tbody>");
  for (const auto& row : rows) {
    const auto name = escape_html(row.case_name);
    const auto link = row.has_report ? fmt::format(R"(<a href="cases/{}/report.html">{}</a>)",
                                                   escape_url(row.case_name), name)
                                     : name;
    page.add(R"(<tr><th scope="row">{}</th><td class="{}">{}</td><td>{}</td>)", link, escape_html(row.status),
             escape_html(row.status), escape_html(row.outcome));
    for (const auto& text : is_fundus ? std::vector{row.percent, row.referable, row.eye, row.warnings}
                                      : std::vector{row.percent, row.tiles, row.warnings})
      page.add(R"(<td class="number">{}</td>)", escape_html(text));
    page.add("</tr>");
  }
  page.add("</tbody>\n</table>\n</section>");
  add_patients(page, out);
  imaging::write_file(out / "report.html", page.finish());
}

}  // namespace report
