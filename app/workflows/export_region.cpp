#include "app/workflows/export_region.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "imaging/base/error.h"
#include "imaging/slide/area_resample.h"
#include "imaging/slide/pyramid_tiff_writer.h"

namespace workflows {
namespace {
constexpr std::int64_t kRows = imaging::PyramidTiffWriter::kTilePx;
}  // namespace

imaging::SizeI export_region(const imaging::SlideReader& reader, imaging::RectD rect,
                             const imaging::SlideScale& scale, double mpp,
                             const std::filesystem::path& target, const imaging::JobContext& job) {
  const auto slide = reader.info().size_l0();
  const auto left = std::clamp(rect.x, 0.0, static_cast<double>(slide.width));
  const auto top = std::clamp(rect.y, 0.0, static_cast<double>(slide.height));
  const auto right = std::clamp(rect.right(), 0.0, static_cast<double>(slide.width));
  const auto bottom = std::clamp(rect.bottom(), 0.0, static_cast<double>(slide.height));
  if (right - left < 1 || bottom - top < 1) {
    throw imaging::Error(imaging::ErrorCode::invalid_argument,
                         "The region holds no pixel of the slide; draw one with an area on it.");
  }
  const auto step_x = std::max(1.0, mpp / scale.mpp_x);
  const auto step_y = std::max(1.0, mpp / scale.mpp_y);
  const imaging::SizeI size{std::max<std::int64_t>(1, std::llround((right - left) / step_x)),
                            std::max<std::int64_t>(1, std::llround((bottom - top) / step_y))};
  const bool has_um = scale.source != "pixels";
  imaging::PyramidTiffOptions options;
  options.size = size;
  options.mpp_x = has_um ? scale.mpp_x * step_x : step_x;
  options.mpp_y = has_um ? scale.mpp_y * step_y : step_y;
  options.jpeg_quality = 0;  // as it was read
  options.description = has_um
                            ? "A region cut by Tessera. Research use only. Not for diagnosis."
                            : "A region cut by Tessera; its scale is not known, one pixel stands for 1 um. "
                              "Research use only. Not for diagnosis.";
  imaging::PyramidTiffWriter writer(target, options);
  for (std::int64_t y = 0; y < size.height; y += kRows) {
    job.checkpoint("rows", y, size.height);
    const auto rows = std::min(kRows, size.height - y);
    writer.append_rows(
        imaging::read_area(reader,
                           {left, top + static_cast<double>(y) * step_y,
                            static_cast<double>(size.width) * step_x, static_cast<double>(rows) * step_y},
                           {size.width, rows}));
  }
  writer.finish();
  job.checkpoint("rows", size.height, size.height);
  return size;
}

}  // namespace workflows
