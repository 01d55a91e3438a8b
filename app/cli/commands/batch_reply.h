#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "app/cli/session.h"
#include "app/workflows/batch.h"

namespace cli {

/// "failed: NAME: REASON", the name once where the reason begins with it.
[[nodiscard]] std::string failure_line(const std::string& name, const std::string& reason);

/// How one input ended, in a line.
[[nodiscard]] std::string line_of(const workflows::BatchRow& row);

/// Sums a batch up: counts and the exit code.
/// @param manifest  written by the batch; its content is the --json output
[[nodiscard]] Reply reply_of_batch(const std::vector<workflows::BatchRow>& rows,
                                   const std::filesystem::path& manifest);

}  // namespace cli
