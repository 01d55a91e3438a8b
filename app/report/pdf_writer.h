#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/report/report_model.h"

namespace report {

/// Fonts need a QGuiApplication. Makes one on Qt's offscreen platform where the process has none, so that the
/// command line needs no display, and keeps it for the object's life. Make it on the main thread.
class GuiApplication {
 public:
  /// @throws imaging::Error  `internal` if the process has a QCoreApplication that is no QGuiApplication.
  GuiApplication();
  ~GuiApplication();
  GuiApplication(const GuiApplication&) = delete;
  GuiApplication& operator=(const GuiApplication&) = delete;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// A4 portrait, one or two pages for usual cases. The bytes hold no date but the printed one.
///
/// @throws imaging::Error  `not_found` if no font is installed.
/// @par Threads  Any thread, while a GuiApplication or QGuiApplication lives.
[[nodiscard]] std::string to_pdf(const ReportModel& model);

/// The pages of the PDF as pictures, for a preview.
/// @return  RGB, one A4 page each at this resolution
/// @throws imaging::Error and @par Threads as to_pdf
[[nodiscard]] std::vector<imaging::Image8> to_pages(const ReportModel& model, double dots_per_inch);

}  // namespace report
