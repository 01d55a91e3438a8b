#include "app/workflows/curve_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "imaging/base/files.h"

namespace workflows {
namespace {

constexpr double kPanelWidth = 420, kHeight = 300;
constexpr double kLeft = 56, kRight = 16, kTop = 40, kBottom = 44;
constexpr std::array kColours{"#1f5fa8", "#c2571a", "#3f7d4e", "#7b4aa0"};

/// A round distance between about five ticks.
double tick_step(double range) {
  const double rough = std::max(range, 1e-12) / 5;
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  const double mantissa = rough / power;
  return power * (mantissa <= 1 ? 1 : mantissa <= 2 ? 2 : mantissa <= 5 ? 5 : 10);
}

struct Axis {
  double low, high, step;

  [[nodiscard]] static Axis of(double low, double high) {
    const double step = tick_step(high - low);
    return {low, high > low ? high : low + step, step};
  }
  [[nodiscard]] double share(double value) const { return (value - low) / (high - low); }
  [[nodiscard]] std::vector<double> ticks() const {
    std::vector<double> values;
    for (double tick = std::ceil(low / step - 1e-9); tick * step <= high + 1e-9 * step; ++tick)
      values.push_back(tick * step);
    return values;
  }
};

Axis vertical_axis(const PlotPanel& panel) {
  double low = INFINITY, high = -INFINITY;
  for (const auto& line : panel.lines) {
    for (const auto& value : line.values) {
      if (!value) continue;
      low = std::min(low, *value);
      high = std::max(high, *value);
    }
  }
  if (!(low <= high)) low = 0, high = 1;
  const double margin = std::max((high - low) * 0.05, 1e-6);
  return Axis::of(panel.low.value_or(low - margin), panel.high.value_or(high + margin));
}

std::string draw_panel(const PlotPanel& panel, double x0, std::size_t epochs, std::int64_t marked_epoch) {
  const auto vertical = vertical_axis(panel);
  auto horizontal = Axis::of(1, static_cast<double>(std::max<std::size_t>(epochs, 2)));
  horizontal.step = std::max(1.0, horizontal.step);
  const double left = x0 + kLeft, right = x0 + kPanelWidth - kRight, bottom = kHeight - kBottom;
  const auto x_of = [&](double epoch) { return left + horizontal.share(epoch) * (right - left); };
  const auto y_of = [&](double value) { return bottom - vertical.share(value) * (bottom - kTop); };

  std::string svg = fmt::format("<text x='{:.1f}' y='20' class='title'>{}</text>\n", left, panel.title);
  for (const double tick : vertical.ticks()) {
    svg += fmt::format(
        "<line x1='{0:.1f}' x2='{1:.1f}' y1='{2:.1f}' y2='{2:.1f}' class='grid'/>"
        "<text x='{3:.1f}' y='{4:.1f}' text-anchor='end'>{5:.4g}</text>\n",
        left, right, y_of(tick), left - 6, y_of(tick) + 4, std::abs(tick) < 1e-12 ? 0.0 : tick);
  }
  for (const double tick : horizontal.ticks()) {
    svg += fmt::format("<text x='{:.1f}' y='{:.1f}' text-anchor='middle'>{:.0f}</text>\n", x_of(tick),
                       bottom + 16, tick);
  }
  svg += fmt::format("<text x='{:.1f}' y='{:.1f}' text-anchor='middle'>epoch</text>\n", (left + right) / 2,
                     bottom + 34);
  svg += fmt::format("<polyline points='{0:.1f},{1:.1f} {0:.1f},{2:.1f} {3:.1f},{2:.1f}' class='axis'/>\n",
                     left, kTop, bottom, right);
  if (marked_epoch > 0) {
    const double x = x_of(static_cast<double>(marked_epoch));
    svg += fmt::format("<line x1='{0:.1f}' x2='{0:.1f}' y1='{1:.1f}' y2='{2:.1f}' class='mark'/>\n", x, kTop,
                       bottom);
  }
  double legend = left;
  for (std::size_t i = 0; i < panel.lines.size(); ++i) {
    const auto& line = panel.lines[i];
    const auto* colour = kColours[i % kColours.size()];
    std::string points;
    const auto flush = [&] {
      if (!points.empty())
        svg += fmt::format("<polyline points='{}' stroke='{}' class='curve'/>\n", points, colour);
      points.clear();
    };
    for (std::size_t epoch = 0; epoch < line.values.size(); ++epoch) {
      if (!line.values[epoch] || !std::isfinite(*line.values[epoch])) {
        flush();
        continue;
      }
      const double x = x_of(static_cast<double>(epoch + 1)), y = y_of(*line.values[epoch]);
      points += fmt::format("{:.1f},{:.1f} ", x, y);
      if (epochs == 1)
        svg += fmt::format("<circle cx='{:.1f}' cy='{:.1f}' r='3' fill='{}'/>\n", x, y, colour);
    }
    flush();
    svg += fmt::format(
        "<rect x='{0:.1f}' y='28' width='12' height='3' fill='{1}'/>"
        "<text x='{2:.1f}' y='34'>{3}</text>\n",
        legend, colour, legend + 16, line.name);
    legend += 30 + 7.0 * static_cast<double>(line.name.size());
  }
  if (marked_epoch > 0) {
    svg += fmt::format(
        "<line x1='{0:.1f}' x2='{0:.1f}' y1='25' y2='35' class='mark'/>"
        "<text x='{1:.1f}' y='34'>kept, {2}</text>\n",
        legend + 4, legend + 12, marked_epoch);
  }
  return svg;
}

}  // namespace

void write_curve_plot(const std::filesystem::path& path, const std::vector<PlotPanel>& panels,
                      std::int64_t marked_epoch) {
  std::size_t epochs = 0;
  for (const auto& panel : panels) {
    for (const auto& line : panel.lines) epochs = std::max(epochs, line.values.size());
  }
  const double width = kPanelWidth * static_cast<double>(panels.size());
  auto svg = fmt::format(
      "<svg xmlns='http://www.w3.org/2000/svg' width='{0}' height='{1}' viewBox='0 0 {0} {1}' "
      "font-family='sans-serif' font-size='11' fill='#333'>\n"
      "<style>.title{{font-size:13px;font-weight:600}}.grid{{stroke:#e3e3e3}}"
      ".axis{{fill:none;stroke:#888}}.mark{{stroke:#888;stroke-dasharray:3 3}}"
      ".curve{{fill:none;stroke-width:1.6}}</style>\n"
      "<rect width='{0}' height='{1}' fill='white'/>\n",
      width, kHeight);
  for (std::size_t i = 0; i < panels.size(); ++i)
    svg += draw_panel(panels[i], static_cast<double>(i) * kPanelWidth, epochs, marked_epoch);
  imaging::write_file(path, svg + "</svg>\n");
}

}  // namespace workflows
