#pragma once

#include <optional>

#include "app/viewmodels/command_line.h"
#include "app/viewmodels/open_slides.h"

namespace viewmodels {

/// What is read into, and written of, the annotations of an open file.
enum class AnnotationAction { import, convert, labels, region };

/// The `tessera annotations` that does the same; absent for `import` while nothing was imported, and for
/// `region` while no area is chosen. The annotations must be saved (AnnotationDocument::flush).
[[nodiscard]] std::optional<CommandLine> annotation_command(AnnotationAction action, const OpenSlide& slide);

}  // namespace viewmodels
