#include "app/report/segment_words.h"

#include <fmt/format.h>

#include "imaging/raster/label_png.h"

namespace report {
namespace {

/// A number with its unit, as a person reads it.
std::string value_text(const workflows::SegmentMeasurement& one) {
  if (!one.value) return "not available";
  const double value = *one.value;
  if (one.unit.starts_with("share")) {
    return fmt::format("{:.2f} %{}", 100 * value, one.unit == "share" ? "" : one.unit.substr(5));
  }
  if (one.unit == "ratio") return fmt::format("{:.2f}", value);
  if (one.unit == "count") return fmt::format("{:.0f}", value);
  if (one.unit == "px") return fmt::format("{:.0f} px", value);
  if (one.unit == "voxels") return fmt::format("{:.0f} voxels", value);
  const auto unit = one.unit == "mm2" ? "mm²" : one.unit == "mm3" ? "mm³" : one.unit;
  return fmt::format("{:.4g} {}", value, unit);
}

}  // namespace

std::string segment_headline(const workflows::SegmentFinding& finding) {
  return fmt::format("Masks of {}",
                     fmt::join(finding.class_names.begin() + 1, finding.class_names.end(), ", "));
}

std::string segment_explanation(const workflows::SegmentFinding& finding) {
  const auto size = finding.slices > 1
                        ? fmt::format("{} slices of {} × {} pixels", finding.slices, finding.mask_size.width,
                                      finding.mask_size.height)
                        : fmt::format("{} × {} pixels", finding.mask_size.width, finding.mask_size.height);
  return fmt::format(
      "The model gave each pixel a class: {}, in {}{}. Shares are of the {}.", size, finding.mask,
      finding.regions.empty() ? "" : fmt::format(", outlines in {}", finding.regions), finding.share_of);
}

std::vector<Fact> segment_findings(const workflows::SegmentFinding& finding) {
  std::vector<Fact> facts;
  for (const auto& one : finding.measurements) {
    auto name = one.name.starts_with(one.subject) ? one.name : fmt::format("{}, {}", one.subject, one.name);
    if (!facts.empty() && facts.back().name == name) {  // the same in another unit
      facts.back().value += fmt::format(", {}", value_text(one));
    } else {
      facts.push_back({std::move(name), value_text(one)});
    }
  }
  return facts;
}

std::vector<LegendEntry> segment_legend(const workflows::SegmentFinding& finding) {
  std::vector<LegendEntry> legend;
  for (std::size_t k = 1; k < finding.class_names.size(); ++k)
    legend.push_back({imaging::class_colour(static_cast<int>(k)), finding.class_names[k]});
  return legend;
}

}  // namespace report
