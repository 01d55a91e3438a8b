#include "imaging/fundus/fundus_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "imaging/base/error.h"
#include "imaging/slide/area_resample.h"

namespace imaging {

FundusImage read_fundus(const SlideReader& reader) {
  const auto& info = reader.info();
  const auto size = info.size_l0();
  if (size.width > kMaxFundusPixels / std::max<std::int64_t>(1, size.height)) {
    throw Error(
        ErrorCode::resource_exhausted,
        fmt::format(
            "{}: {} x {} pixels are too many for a fundus photograph (at most {}); give a photograph, "
            "not a slide.",
            info.path.string(), size.width, size.height, kMaxFundusPixels));
  }
  return {read_whole(reader, size), info.laterality, info.warnings};
}

std::string parse_laterality(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (lower == "r" || lower == "right" || lower == "od") return "R";
  if (lower == "l" || lower == "left" || lower == "os") return "L";
  throw Error(ErrorCode::invalid_argument,
              fmt::format("'{}' is no eye; give R, right or OD, or L, left or OS.", text));
}

PreparedFundus prepare_fundus(const Image8& photograph, std::int64_t size,
                              const FundusQualityOptions& options) {
  PreparedFundus prepared;
  prepared.field = find_field_of_view(photograph);
  prepared.quality = assess_quality(photograph, prepared.field, options);
  prepared.crop = crop_to_field(photograph, prepared.field, size);
  return prepared;
}

}  // namespace imaging
