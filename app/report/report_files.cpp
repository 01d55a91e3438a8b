#include "app/report/report_files.h"

#include "app/report/html_writer.h"
#include "imaging/base/files.h"

namespace report {

void ReportFiles::write(const workflows::CaseFolder& folder, const std::string& printed_date) const {
  const auto model = read_report_model(folder, printed_date);
  const auto html = to_html(model);
  const auto pdf = to_pdf(model);
  imaging::write_file(folder.report_html(), html);
  imaging::write_file(folder.report_pdf(), pdf);
}

}  // namespace report
