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

/// What a segmentation leaves behind, painted: labels of 4 px, a disc (class 1) over [400, 800) x [200, 600)
/// with a cup (class 2) over [560, 640) x [360, 440) in it.
/// @return  the case folder
std::filesystem::path write_mask_case(const std::filesystem::path& out, const std::string& name,
                                      const std::filesystem::path& slide,
                                      const std::string& model = "painted segmenter");

/// A grading of a photograph of 1600 x 1200 pixels, painted.
/// @param quality  gradable | ungradable
std::filesystem::path write_fundus_case(const std::filesystem::path& out, const std::string& name,
                                        const std::filesystem::path& photograph, const std::string& quality,
                                        bool is_overridden = false);

/// The longest of twenty answers to posted events, in ms: how long the window lets one wait.
[[nodiscard]] qint64 slowest_answer(QObject* window);

}  // namespace gui
