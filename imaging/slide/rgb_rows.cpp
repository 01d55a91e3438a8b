#include "imaging/slide/rgb_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <numeric>

namespace imaging {
namespace {

std::size_t row_samples(const RowFormat& format) {
  return static_cast<std::size_t>(format.size.width * format.channels);
}

std::uint16_t deep_sample(const std::uint8_t* samples, std::size_t i) {
  std::uint16_t value = 0;
  std::memcpy(&value, samples + 2 * i, 2);
  return value;
}

}  // namespace

int SampleCounts::white() const {
  const auto total = std::accumulate(counts_.begin(), counts_.end(), std::int64_t{0});
  for (int bits = 8; bits < 16; ++bits) {
    const auto above = std::accumulate(counts_.begin() + (1 << bits), counts_.end(), std::int64_t{0});
    if (above <= total / 10000) return (1 << bits) - 1;
  }
  return 65535;
}

int measure_white(RowDecoder& rows) {
  const auto& format = rows.format();
  const auto channels = static_cast<std::size_t>(format.channels);
  const auto colours = channels - (channels % 2 == 0 ? 1 : 0);
  std::vector<std::uint16_t> row(row_samples(format));
  SampleCounts counts;
  for (std::int64_t y = 0; y < format.size.height; ++y) {
    rows.read_row(reinterpret_cast<std::uint8_t*>(row.data()));
    for (std::size_t c = 0; c < colours; ++c) counts.add(row.data() + c, row.size() - c, channels);
  }
  return counts.white();
}

std::string deep_picture_warning(int white) {
  return fmt::format("Samples of 16 bits: 0 to {} are shown as 0 to 255.", white);
}

RgbRows::RgbRows(RowDecoder& rows, int white)
    : rows_(rows), row_(row_samples(rows.format()) * static_cast<std::size_t>(rows.format().bits / 8)) {
  if (rows.format().bits != 16) return;
  to_8_bits_.resize(65536);
  for (int value = 0; value < 65536; ++value)
    to_8_bits_[static_cast<std::size_t>(value)] =
        static_cast<std::uint8_t>((std::min(value, white) * 510 + white) / (2 * white));
}

void RgbRows::read(Image8& band) {
  for (std::int64_t y = 0; y < band.height(); ++y) {
    rows_.read_row(row_.data());
    convert(row_.data(), band.row(y));
  }
}

void RgbRows::convert(const std::uint8_t* samples, std::uint8_t* rgb) const {
  const auto& format = rows_.format();
  const auto channels = static_cast<std::size_t>(format.channels);
  const bool has_alpha = channels % 2 == 0;
  const std::size_t colours = channels - (has_alpha ? 1 : 0);
  const bool is_deep = format.bits == 16;
  const int flip = format.is_white_at_zero ? 255 : 0;
  for (std::size_t x = 0; x < static_cast<std::size_t>(format.size.width); ++x, rgb += 3) {
    const auto first = x * channels;
    for (std::size_t c = 0; c < 3; ++c) {
      const auto i = first + (colours == 3 ? c : 0);
      rgb[c] = static_cast<std::uint8_t>((is_deep ? to_8_bits_[deep_sample(samples, i)] : samples[i]) ^ flip);
    }
    if (!has_alpha) continue;
    // Alpha is a share of its full range, whatever the range of the colours.
    const int alpha =
        is_deep ? (deep_sample(samples, first + colours) + 128) / 257 : samples[first + colours];
    for (std::size_t c = 0; c < 3; ++c) {
      const int laid =
          format.is_premultiplied ? rgb[c] + 255 - alpha : (rgb[c] * alpha + 255 * (255 - alpha) + 127) / 255;
      rgb[c] = static_cast<std::uint8_t>(std::min(laid, 255));
    }
  }
}

}  // namespace imaging
