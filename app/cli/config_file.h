#pragma once

#include <string>
#include <vector>

namespace cli {

/// Replaces `--config FILE` by the file's options: a JSON object whose keys are option names (`tile_px` or
/// `tile-px`). An option that stands on the command line itself is not taken from the file.
///
/// @param arguments  without the program's name
/// @throws Error  `not_found`; `corrupt_data` where the file is no JSON; `invalid_argument` where it is no
/// such object.
[[nodiscard]] std::vector<std::string> expand_config(const std::vector<std::string>& arguments);

}  // namespace cli
