#pragma once

#include <string>

#include "app/report/pdf_writer.h"
#include "app/workflows/case_folder.h"

namespace report {

/// Writes report.html and report.pdf into a case folder. Make it on the main thread (see GuiApplication);
/// `write` may be called from any.
class ReportFiles : public workflows::ReportWriter {
 public:
  void write(const workflows::CaseFolder& folder, const std::string& printed_date) const override;

 private:
  GuiApplication application_;
};

}  // namespace report
