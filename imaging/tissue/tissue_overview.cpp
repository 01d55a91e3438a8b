#include "imaging/tissue/tissue_overview.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "imaging/base/error.h"
#include "imaging/slide/area_resample.h"

namespace imaging {
namespace {

constexpr std::int64_t kMaxMaskPixels = std::int64_t{1} << 26;
constexpr int kFluorescenceLuminance =
    48;  // median of the scanned area; glass is above 200, dense tissue above 80

SizeI overview_size(const SlideReader& reader, const SlideScale& scale, double seg_mpp) {
  const auto slide = reader.info().size_l0();
  const auto pixels = [&](std::int64_t length, double mpp) {
    return std::max<std::int64_t>(1, std::llround(static_cast<double>(length) * mpp / seg_mpp));
  };
  const SizeI size{pixels(slide.width, scale.mpp_x), pixels(slide.height, scale.mpp_y)};
  if (size.width > kMaxMaskPixels / size.height) {
    throw Error(
        ErrorCode::resource_exhausted,
        fmt::format("{}: a tissue mask of {} x {} pixels at {} um/px is too large; give a larger seg_mpp.",
                    reader.info().path.string(), size.width, size.height, seg_mpp));
  }
  return size;
}

/// Median luminance of what was scanned (pure white is what lies outside the scan); 255 where nothing was.
int scanned_luminance(const Image8& rgb) {
  std::array<std::int64_t, 256> histogram{};
  const auto* pixel = rgb.data();
  for (std::int64_t i = 0; i < rgb.width() * rgb.height(); ++i, pixel += 3)
    ++histogram[static_cast<std::size_t>((77 * pixel[0] + 150 * pixel[1] + 29 * pixel[2]) >> 8)];
  histogram[255] = 0;
  std::int64_t total = 0;
  for (const auto count : histogram) total += count;
  std::int64_t seen = 0;
  for (std::size_t value = 0; value < 255; ++value) {
    seen += histogram[value];
    if (seen > 0 && 2 * seen >= total) return static_cast<int>(value);
  }
  return 255;
}

}  // namespace

bool TissueOverview::serves(const TissueOptions& options) const {
  return seg_mpp == options.seg_mpp && (!options.reject_blur || !blur.um.empty());
}

bool is_fluorescence(const SlideInfo& info) {
  const auto type = info.properties.find("mirax.GENERAL.SLIDE_TYPE");
  return type != info.properties.end() && type->second == "SLIDE_TYPE_FLUORESCENCE";
}

TissueOverview read_tissue_overview(const SlideReader& reader, const SlideScale& scale,
                                    const TissueOptions& options, const JobContext& job) {
  check_options(options);
  const auto& info = reader.info();
  if (is_fluorescence(info)) {
    throw Error(
        ErrorCode::not_brightfield,
        fmt::format("{}: a fluorescence slide by its own metadata; only brightfield slides can be analysed.",
                    info.path.string()));
  }
  TissueOverview overview;
  overview.source = info.path.string();
  overview.slide_size_l0 = info.size_l0();
  overview.seg_mpp = options.seg_mpp;
  const auto size = overview_size(reader, scale, options.seg_mpp);
  overview.pixel_um = {
      static_cast<double>(overview.slide_size_l0.width) * scale.mpp_x / static_cast<double>(size.width),
      static_cast<double>(overview.slide_size_l0.height) * scale.mpp_y / static_cast<double>(size.height)};
  overview.rgb = read_whole(reader, size);
  if (const int luminance = scanned_luminance(overview.rgb); luminance < kFluorescenceLuminance) {
    throw Error(
        ErrorCode::not_brightfield,
        fmt::format("{}: the scanned area is dark (median grey level {} of 255), as in fluorescence; only "
                    "brightfield slides can be analysed.",
                    overview.source, luminance));
  }
  if (options.reject_blur) overview.blur = estimate_blur(reader, scale, overview.rgb, job);
  return overview;
}

}  // namespace imaging
