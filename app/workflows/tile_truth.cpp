#include "app/workflows/tile_truth.h"

#include <algorithm>

#include "app/workflows/annotations.h"
#include "imaging/annotation/annotation_files.h"

namespace workflows {

AnnotatedRegion AnnotatedRegion::read(const std::filesystem::path& file, const std::string& class_name) {
  AnnotatedRegion region;
  for (auto& item : regions_of(imaging::read_annotations(file), class_name)) {
    const auto bounds = imaging::bounds_of(item.geometry);
    region.areas_.push_back({bounds, std::move(item.geometry)});
  }
  return region;
}

bool AnnotatedRegion::contains(imaging::PointD p) const {
  return std::ranges::any_of(areas_, [p](const Area& area) {
    const auto& box = area.bounds_l0;
    return p.x >= box.x && p.y >= box.y && p.x <= box.right() && p.y <= box.bottom() &&
           imaging::contains(area.geometry, p);
  });
}

std::vector<std::int64_t> AnnotatedRegion::label_tiles(const std::vector<std::int64_t>& coords,
                                                       imaging::PointD side_l0) const {
  constexpr int kGrid = 4;
  std::vector<std::int64_t> labels;
  labels.reserve(coords.size() / 2);
  for (std::size_t i = 0; i + 1 < coords.size(); i += 2) {
    int inside = 0;
    for (int row = 0; row < kGrid; ++row) {
      for (int column = 0; column < kGrid; ++column) {
        inside += contains({static_cast<double>(coords[i]) + side_l0.x * (column + 0.5) / kGrid,
                            static_cast<double>(coords[i + 1]) + side_l0.y * (row + 0.5) / kGrid})
                      ? 1
                      : 0;
      }
    }
    labels.push_back(2 * inside >= kGrid * kGrid ? 1 : 0);
  }
  return labels;
}

}  // namespace workflows
