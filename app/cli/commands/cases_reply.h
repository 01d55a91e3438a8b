#pragma once

#include <filesystem>
#include <functional>

#include "app/cli/session.h"
#include "app/workflows/analyze.h"

namespace cli {

/// The run itself: workflows::analyze or its like.
using CasesBody = std::function<workflows::RunSummary(
    const workflows::ReportWriter& reports, const std::function<void(const workflows::RunRow&)>& on_case,
    const imaging::JobContext& job)>;

/// Runs a command that leaves a folder of cases: says the research notice, a line per case, and sums up.
/// @param out  cleared of half-written cases where the process has to leave at once
void run_cases_command(Session& session, const std::filesystem::path& out, const CasesBody& body);

}  // namespace cli
