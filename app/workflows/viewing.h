#pragma once

#include <filesystem>
#include <memory>
#include <stop_token>

#include "imaging/slide/slide_reader.h"

namespace workflows {

/// Opens a slide to be looked at. On a network file system it is decoded in processes of its own, so that a
/// server that does not answer costs a read its time limit (20 s) and nobody else anything; elsewhere in the
/// program, which is faster.
///
/// @param stop    ends waiting reads at once, with Cancelled
/// @throws Error  as imaging::open_slide or imaging::open_isolated; Cancelled.
[[nodiscard]] std::shared_ptr<const imaging::SlideReader> open_for_viewing(const std::filesystem::path& path,
                                                                           std::stop_token stop);

}  // namespace workflows
