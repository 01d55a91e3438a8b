#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numbers>
#include <string_view>
#include <vector>

#include "imaging/phantom/slide_phantom.h"
#include "imaging/stain/stain_normalizer.h"
#include "imaging/stain/stain_sample.h"

namespace imaging {

inline double angle_degrees(const std::array<double, 3>& a, const std::array<double, 3>& b) {
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t c = 0; c < 3; ++c) {
    ab += a[c] * b[c];
    aa += a[c] * a[c];
    bb += b[c] * b[c];
  }
  return std::acos(std::min(1.0, ab / std::sqrt(aa * bb))) * 180 / std::numbers::pi;
}

inline SlidePhantomOptions small_phantom(std::string_view domain) {
  SlidePhantomOptions options;
  options.width = 1536;
  options.height = 1152;
  options.mpp = 1.0;
  options.seed = 5;
  options.domain = domain;
  options.tumour_fraction = 0.2;
  return options;
}

/// The whole small slide of a domain in one picture.
inline const Image8& painted(std::string_view domain) {
  static std::map<std::string_view, Image8> pictures;
  const auto name = find_stain_domain(domain).name;
  auto& picture = pictures[name];
  if (picture.empty()) {
    const auto options = small_phantom(name);
    picture = SlidePhantom(options).render(0, 0, {options.width, options.height});
  }
  return picture;
}

inline Image8 sample_of(const Image8& image) {
  return sample_pixels(std::vector{image});
}

inline const DyeProfile& dyes_of(const StainProfile& profile) {
  return std::get<DyeProfile>(profile.colours);
}

/// Mean colour of the pixels that `where` calls stained: R, G, B.
inline std::array<double, 3> mean_tissue_colour(const Image8& image, const Image8& where) {
  const auto white = estimate_white_level(where);
  const auto tables = density_tables(white);
  std::array<double, 3> sum{};
  double count = 0;
  const std::uint8_t* p = where.data();
  const std::uint8_t* q = image.data();
  for (std::int64_t i = 0; i < where.width() * where.height(); ++i, p += 3, q += 3) {
    if (tables[1][p[1]] < 0.12F) continue;
    for (std::size_t c = 0; c < 3; ++c) sum[c] += q[c];
    ++count;
  }
  for (auto& value : sum) value /= std::max(1.0, count);
  return sum;
}

/// Mean over all pairs of the distance of their colours.
inline double mean_distance(const std::vector<std::array<double, 3>>& colours) {
  double sum = 0, count = 0;
  for (std::size_t i = 0; i < colours.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j, ++count)
      sum += std::hypot(colours[i][0] - colours[j][0], colours[i][1] - colours[j][1],
                        colours[i][2] - colours[j][2]);
  }
  return sum / count;
}

}  // namespace imaging
