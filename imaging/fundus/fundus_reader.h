#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "imaging/base/image.h"
#include "imaging/fundus/field_of_view.h"
#include "imaging/fundus/quality.h"
#include "imaging/slide/slide_reader.h"

namespace imaging {

/// Largest photograph that is read; cameras have 2 to 50 million pixels.
inline constexpr std::int64_t kMaxFundusPixels = std::int64_t{1} << 27;

/// A fundus photograph as it was taken.
struct FundusImage {
  Image8 pixels;  ///< H x W x 3 RGB
  std::optional<std::string>
      laterality;                     ///< "L" or "R" where the file says so; never guessed from the picture
  std::vector<std::string> warnings;  ///< of the reader
};

/// Reads a photograph at full size through whatever reader knows it: PNG, JPEG, TIFF, DICOM.
/// @throws Error  as read_whole; `resource_exhausted` above kMaxFundusPixels.
[[nodiscard]] FundusImage read_fundus(const SlideReader& reader);

/// "R" of R, right, OD; "L" of L, left, OS, in any case.
/// @throws Error `invalid_argument` on anything else.
[[nodiscard]] std::string parse_laterality(std::string_view text);

/// A photograph that went through the gate: what every network of the retina takes.
struct PreparedFundus {
  FieldOfView field;      ///< in pixels of the photograph
  FundusQuality quality;  ///< of the photograph
  FundusCrop crop;        ///< size x size
};

/// Field of view, quality, crop, in this order. Judges; refuses only where there is no field.
/// @throws Error  as find_field_of_view, assess_quality and crop_to_field.
[[nodiscard]] PreparedFundus prepare_fundus(const Image8& photograph, std::int64_t size,
                                            const FundusQualityOptions& options = {});

}  // namespace imaging
