#pragma once

#include <QObject>
#include <filesystem>
#include <string>

#include "imaging/base/image.h"

namespace gui {

/// Makes the process's QApplication where it has none.
void ensure_application();

/// A painted image: a white field, a magenta square over [600, 1000) x [300, 700), a blue one at the far
/// corner.
[[nodiscard]] imaging::Image8 painted_image();

/// What an analysis leaves behind, painted: a raster of 4 x 3 tiles of 400 px, the magenta square's tile the
/// highest.
/// @param tumour  probability of the second class
void write_case(const std::filesystem::path& out, const std::string& name, const std::filesystem::path& slide,
                double tumour = 0.875);

/// The longest of twenty answers to posted events, in ms: how long the window lets one wait.
[[nodiscard]] qint64 slowest_answer(QObject* window);

}  // namespace gui
