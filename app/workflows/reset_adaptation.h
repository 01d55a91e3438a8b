#pragma once

#include <filesystem>

namespace workflows {

/// Removes what adapt_segmentation left in a run's folder (of one site): package, figures, log and pictures,
/// and the masks that were made to compare, so that the next adaptation begins at the source again. Other
/// files in that folder stay. The parent package is not touched.
/// @throws Error  `not_found` where the folder holds no adaptation; `io_error`.
void reset_adaptation(const std::filesystem::path& run_folder);

/// Where in a run's folder the window keeps the masks that it compares.
inline constexpr const char* kCompareFolder = "compare";

}  // namespace workflows
