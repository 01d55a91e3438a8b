#pragma once

#include <string>

#include "app/report/report_model.h"

namespace report {

/// One self-contained page: pictures as data URIs, no script, no link to anywhere; light, dark and print.
/// The same bytes for the same model.
[[nodiscard]] std::string to_html(const ReportModel& model);

}  // namespace report
