#include "app/report/report_files.h"

#include "app/report/html_writer.h"
#include "app/report/patient_report.h"
#include "app/report/run_index.h"
#include "imaging/base/files.h"

namespace report {

void ReportFiles::write(const workflows::CaseFolder& folder, const std::string& printed_date) const {
  const auto model = read_report_model(folder, printed_date);
  const auto html = to_html(model);
  const auto pdf = to_pdf(model);
  imaging::write_file(folder.report_html(), html);
  imaging::write_file(folder.report_pdf(), pdf);
}

void ReportFiles::write_run(const std::filesystem::path& out, const std::string& printed_date) const {
  for (const auto& patient : find_patients(out)) {
    const auto model = read_patient_model(patient, printed_date);
    const auto folder = out / "patients" / patient.folder;
    imaging::write_file(folder / "report.html", to_html(model));
    imaging::write_file(folder / "report.pdf", to_pdf(model));
  }
  write_run_index(out, printed_date);
}

}  // namespace report
