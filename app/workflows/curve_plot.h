#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace workflows {

/// One line of a plot; a gap where a value is absent.
struct PlotLine {
  std::string name;
  std::vector<std::optional<double>> values;  ///< at epoch 1, 2, ...
};

struct PlotPanel {
  std::string title;
  std::vector<PlotLine> lines;
  std::optional<double> low, high;  ///< of the vertical axis; absent: as the values are
};

/// Draws panels beside one another over epochs, as an SVG picture.
/// @param marked_epoch  drawn as an upright line in every panel; 0 for none
/// @throws imaging::Error  `io_error`.
void write_curve_plot(const std::filesystem::path& path, const std::vector<PlotPanel>& panels,
                      std::int64_t marked_epoch);

}  // namespace workflows
