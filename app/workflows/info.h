#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "app/workflows/analyze.h"
#include "app/workflows/reading.h"
#include "imaging/base/job.h"

namespace workflows {

/// What is known of each input without reading its pixels: `file`, `width`, `height`, `levels` (objects with
/// `width`, `height`, `downsample`), `mpp_x`, `mpp_y`, `mpp_source` (null where unknown), `vendor`, `reader`,
/// `warnings`. An input that cannot be opened has `file` and `error` {code, message} instead.
/// @throws Error `not_found` if there is no input at all; Cancelled.
[[nodiscard]] std::vector<nlohmann::ordered_json> describe_inputs(const InputOptions& options,
                                                                  const ReadingOptions& reading,
                                                                  const imaging::JobContext& job);

}  // namespace workflows
