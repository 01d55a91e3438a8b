#pragma once

#include <filesystem>
#include <vector>

#include "app/cli/session.h"
#include "app/workflows/batch.h"

namespace cli {

/// Sums a batch up: counts, one line per failure, and the exit code.
/// @param manifest  written by the batch; its content is the --json output
[[nodiscard]] Reply reply_of_batch(const std::vector<workflows::BatchRow>& rows,
                                   const std::filesystem::path& manifest);

}  // namespace cli
