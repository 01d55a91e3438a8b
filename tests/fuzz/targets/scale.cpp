#include <cmath>

#include "imaging/slide/file_scale.h"
#include "tests/fuzz/fuzz_support.h"

/// Two lines of text as a file's mpp, the second also as TIFF resolution.
void fuzz::scale(Bytes bytes) {
  const auto all = as_text(bytes);
  const auto end = std::min(all.find('\n'), all.size());
  const auto x = all.substr(0, end);
  const auto y = all.substr(std::min(end + 1, all.size()));
  for (const auto* unit : {"inch", "centimeter", ""}) {
    std::vector<std::string> warnings;
    const auto scale = imaging::judge_scale({.mpp_x = x,
                                             .mpp_y = y,
                                             .tiff_x_resolution = imaging::parse_number(y),
                                             .tiff_y_resolution = imaging::parse_number(y),
                                             .tiff_unit = unit,
                                             .objective_power = imaging::parse_number(x)},
                                            warnings);
    require(
        !scale || (scale->mpp_x >= 0.05 && scale->mpp_x <= 20 && scale->mpp_y >= 0.05 && scale->mpp_y <= 20),
        "a scale out of range");
  }
}
