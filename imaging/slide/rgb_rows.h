#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "imaging/base/image.h"
#include "imaging/slide/row_decoder.h"

namespace imaging {

/// Counts of 16-bit samples, and the rule that makes 8 bits of them.
///
/// Cameras of 10, 12 or 14 bits write 16-bit files whose samples use the lower part of the range. White is
/// therefore the smallest of 255, 511, 1023, ..., 65535 that at most one sample in 10,000 exceeds (those are
/// taken for hot pixels), black is 0, and a sample v becomes round(255 v / white), at most 255. The rule
/// looks at the samples alone: the same file gives the same picture, and pictures of one camera mostly the
/// same map.
class SampleCounts {
 public:
  SampleCounts() : counts_(65536) {}
  void add(const std::uint16_t* samples, std::size_t count, std::size_t step = 1) {
    for (std::size_t i = 0; i < count; i += step) ++counts_[samples[i]];
  }
  [[nodiscard]] int white() const;

 private:
  std::vector<std::int64_t> counts_;
};

/// The white of a 16-bit picture by the rule of SampleCounts; alpha is not counted. Reads all rows.
[[nodiscard]] int measure_white(RowDecoder& rows);

/// "Samples of 16 bits: 0 to WHITE are shown as 0 to 255."
[[nodiscard]] std::string deep_picture_warning(int white);

/// The rows of a picture as RGB8: grey copied to three channels, 16 bits mapped to 8, transparency laid over
/// white.
class RgbRows {
 public:
  /// @param white  the sample value that becomes 255, see SampleCounts; not used for 8 bits
  RgbRows(RowDecoder& rows, int white);
  /// Fills `band` with the next `band.height()` rows.
  void read(Image8& band);

 private:
  void convert(const std::uint8_t* samples, std::uint8_t* rgb) const;

  RowDecoder& rows_;
  std::vector<std::uint8_t> to_8_bits_;  // of every 16-bit sample
  std::vector<std::uint8_t> row_;
};

}  // namespace imaging
