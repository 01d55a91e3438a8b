#pragma once

#include <filesystem>
#include <vector>

#include "app/workflows/batch.h"
#include "app/workflows/case_folder.h"

namespace workflows {

/// Writes the reports of results again, with those of the whole run where all of it is asked for.
/// @param folder  OUT of an analysis, or one case folder
/// @return        one row per case, in order of name
/// @throws Error  `not_found` where there is no result; Cancelled.
std::vector<BatchRow> write_reports(const std::filesystem::path& folder, const ReportWriter& reports,
                                    const imaging::JobContext& job);

/// Local date and time as printed on reports: "2026-11-23 14:05".
[[nodiscard]] std::string printed_now();

}  // namespace workflows
