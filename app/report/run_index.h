#pragma once

#include <filesystem>
#include <string>

namespace report {

/// Writes OUT/report.html: every input of a run with its status, verdict and a link to its report, and links
/// to the reports of patients with both eyes.
///
/// Reads OUT/run.json and the result.json of each case that has one.
/// @param printed_date  as it shall stand on the page
/// @throws imaging::Error  `not_found` if `out` holds no readable run.json; `corrupt_data`; `io_error`.
void write_run_index(const std::filesystem::path& out, const std::string& printed_date);

}  // namespace report
