#pragma once

#include <optional>
#include <string>

#include "app/viewmodels/studio.h"

namespace gui {

/// The real services: installed packages for slides and photographs, workflows::analyze with the report
/// writer, and workflows::adapt_segmentation. Call it
/// on the GUI thread, with a QApplication.
///
/// @param extra_model  a package by name or path, listed first even where it is not installed
[[nodiscard]] viewmodels::StudioServices make_studio_services(const std::optional<std::string>& extra_model);

}  // namespace gui
