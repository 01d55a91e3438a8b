#pragma once

#include <filesystem>
#include <string>

#include "app/report/pdf_writer.h"
#include "app/workflows/case_folder.h"

namespace report {

/// Writes report.html and report.pdf of cases, patients and runs. Make it on the main thread (see
/// GuiApplication); its functions may be called from any.
class ReportFiles : public workflows::ReportWriter {
 public:
  void write(const workflows::CaseFolder& folder, const std::string& printed_date) const override;
  void write_run(const std::filesystem::path& out, const std::string& printed_date) const override;

 private:
  GuiApplication application_;
};

}  // namespace report
