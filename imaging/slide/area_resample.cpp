#include "imaging/slide/area_resample.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <vector>

#include "imaging/base/error.h"

namespace imaging {
namespace {

constexpr double kWhite = 255;
constexpr double kEpsilon = 1e-9;               // of a pixel: rounding in positions computed from indices
constexpr std::int64_t kBlockPixels = 1 << 22;  // source pixels decoded at a time by read_whole

/// Weights of source pixels [first, first + weights.size()) in one output pixel, and the share that lies
/// outside.
struct Taps {
  std::int64_t first = 0;
  std::vector<float> weights;
  float outside = 0;
};

Taps area_taps(double begin, double end, std::int64_t count) {
  Taps taps;
  const double length = end - begin;
  const double from = std::max(begin, 0.0);
  const double to = std::min(end, static_cast<double>(count));
  if (to - from <= kEpsilon * length) {
    taps.outside = 1;
    return taps;
  }
  taps.first = std::min(static_cast<std::int64_t>(std::floor(from + kEpsilon)), count - 1);
  const auto last = std::max(static_cast<std::int64_t>(std::ceil(to - kEpsilon)), taps.first + 1);
  for (auto i = taps.first; i < last; ++i) {
    const double covered = std::min(to, static_cast<double>(i + 1)) - std::max(from, static_cast<double>(i));
    taps.weights.push_back(static_cast<float>(covered / length));
  }
  taps.outside = static_cast<float>(std::max(0.0, 1 - (to - from) / length));
  return taps;
}

Taps bilinear_taps(double centre, std::int64_t count) {
  Taps taps;
  if (centre < 0 || centre > static_cast<double>(count)) {
    taps.outside = 1;
    return taps;
  }
  const double position = std::clamp(centre - 0.5, 0.0, static_cast<double>(count - 1));
  taps.first = static_cast<std::int64_t>(std::floor(position));
  const double right = position - static_cast<double>(taps.first);
  taps.weights.push_back(static_cast<float>(1 - right));
  if (right > 0) taps.weights.push_back(static_cast<float>(right));
  return taps;
}

std::vector<Taps> taps_of_axis(double begin, double length, std::int64_t size, std::int64_t count) {
  std::vector<Taps> taps;
  taps.reserve(static_cast<std::size_t>(size));
  const double step = length / static_cast<double>(size);
  for (std::int64_t i = 0; i < size; ++i) {
    const auto at = static_cast<double>(i);
    taps.push_back(step >= 1 - kEpsilon ? area_taps(begin + at * step, begin + (at + 1) * step, count)
                                        : bilinear_taps(begin + (at + 0.5) * step, count));
  }
  return taps;
}

bool is_whole(double value) {
  return std::abs(value - std::round(value)) < kEpsilon * std::max(1.0, std::abs(value));
}

Image8 copied(const Image8& source, std::int64_t left, std::int64_t top, SizeI size) {
  Image8 result(size.width, size.height, 3, 255);
  const auto first = std::clamp<std::int64_t>(-left, 0, size.width);
  const auto last = std::clamp<std::int64_t>(source.width() - left, first, size.width);
  if (first == last) return result;
  for (std::int64_t y = std::max<std::int64_t>(0, -top); y < std::min(size.height, source.height() - top);
       ++y) {
    std::memcpy(result.pixel(first, y), source.pixel(left + first, top + y),
                static_cast<std::size_t>(3 * (last - first)));
  }
  return result;
}

/// Rows and columns that the level lacks by rounding though the slide has them repeat the last whole one.
void repeat_edges(Image8& image, SizeI whole) {
  for (std::int64_t y = 0; whole.width < image.width() && y < image.height(); ++y) {
    for (auto x = whole.width; x < image.width(); ++x)
      std::copy_n(image.pixel(whole.width - 1, y), 3, image.pixel(x, y));
  }
  for (auto y = whole.height; y < image.height(); ++y) {
    std::memcpy(image.row(y), image.row(whole.height - 1), static_cast<std::size_t>(3 * image.width()));
  }
}

/// Along one axis: which pixels of a level to read for [begin, end) of it, and where they come to lie.
struct Span {
  std::int64_t position_l0 = 0;  ///< to ask the reader for
  double origin = 0;             ///< position of the first pixel read, in pixels of the level
  std::int64_t count = 0;        ///< pixels wanted
  std::int64_t whole = 0;        ///< of these, pixels that lie wholly inside the level
};

Span span_of_axis(double begin, double end, std::int64_t pixels, PointD step_and_downsample,
                  std::int64_t level_size, std::int64_t size_l0) {
  const auto step = step_and_downsample.x;
  const auto downsample = step_and_downsample.y;  // Clang 14 captures no structured binding
  const auto extent = std::max(
      level_size, static_cast<std::int64_t>(std::ceil(static_cast<double>(size_l0) / step - kEpsilon)));
  const auto place = [&](std::int64_t first) {
    Span span;
    first = std::clamp<std::int64_t>(first, 0, level_size - 1);
    span.position_l0 = std::llround(static_cast<double>(first) * downsample);
    span.origin = static_cast<double>(span.position_l0) / downsample;
    return span;
  };
  const std::int64_t margin =
      end - begin < static_cast<double>(pixels) ? 1 : 0;  // bilinear looks at neighbours
  const auto first = static_cast<std::int64_t>(std::floor(begin + kEpsilon)) - margin;
  auto span = place(first);
  if (span.origin > begin + kEpsilon)
    span = place(first - 1);  // the level's pixels start between level-0 pixels
  const auto last = std::ceil(std::min(end, static_cast<double>(extent)) - span.origin - kEpsilon);
  span.count = std::max<std::int64_t>(static_cast<std::int64_t>(last) + margin, 1);
  const auto inside =
      static_cast<std::int64_t>(std::floor(static_cast<double>(level_size) - span.origin + kEpsilon));
  span.whole = std::clamp<std::int64_t>(inside, 1, span.count);
  return span;
}

bool misses(double begin, double end, std::int64_t size_l0) {
  return end <= 0 || begin >= static_cast<double>(size_l0);
}

Image8 read_area_at(const SlideReader& reader, RectD rect_l0, SizeI size, int level) {
  const auto& info = reader.info();
  const auto slide = info.size_l0();
  if (misses(rect_l0.x, rect_l0.right(), slide.width) || misses(rect_l0.y, rect_l0.bottom(), slide.height)) {
    return Image8(size.width, size.height, 3, 255);
  }
  const auto& entry = info.levels[static_cast<std::size_t>(level)];
  const auto step = level_step(info, level);
  const RectD rect{rect_l0.x / step.x, rect_l0.y / step.y, rect_l0.width / step.x, rect_l0.height / step.y};
  const auto across =
      span_of_axis(rect.x, rect.right(), size.width, {step.x, entry.downsample}, entry.width, slide.width);
  const auto down = span_of_axis(rect.y, rect.bottom(), size.height, {step.y, entry.downsample}, entry.height,
                                 slide.height);
  auto source = reader.read_region(across.position_l0, down.position_l0, level, {across.count, down.count});
  repeat_edges(source, {across.whole, down.whole});
  return resample_area(source, {rect.x - across.origin, rect.y - down.origin, rect.width, rect.height}, size);
}

void check_area(RectD rect, SizeI size) {
  if (size.width > 0 && size.height > 0 && rect.width > 0 && rect.height > 0 && std::isfinite(rect.x) &&
      std::isfinite(rect.y)) {
    return;
  }
  throw Error(ErrorCode::invalid_argument,
              fmt::format("An area of {} x {} at ({}, {}) cannot be resampled to {} x {} pixels.", rect.width,
                          rect.height, rect.x, rect.y, size.width, size.height));
}

double pixels_per_pixel(RectD rect, SizeI size) {
  return std::min(rect.width / static_cast<double>(size.width),
                  rect.height / static_cast<double>(size.height));
}

}  // namespace

Image8 resample_area(const Image8& source, RectD rect, SizeI size) {
  check_area(rect, size);
  if (source.channels() != 3) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("An image of {} channels where 3 are needed.", source.channels()));
  }
  if (is_whole(rect.x) && is_whole(rect.y) &&
      std::abs(rect.width - static_cast<double>(size.width)) < kEpsilon * rect.width &&
      std::abs(rect.height - static_cast<double>(size.height)) < kEpsilon * rect.height) {
    return copied(source, std::llround(rect.x), std::llround(rect.y), size);
  }
  const auto columns = taps_of_axis(rect.x, rect.width, size.width, source.width());
  const auto rows = taps_of_axis(rect.y, rect.height, size.height, source.height());
  Image8 result(size.width, size.height, 3);
  std::vector<float> sums(static_cast<std::size_t>(source.width() * 3));
  for (std::int64_t y = 0; y < size.height; ++y) {
    const auto& row = rows[static_cast<std::size_t>(y)];
    std::fill(sums.begin(), sums.end(), row.outside * static_cast<float>(kWhite));
    for (std::size_t i = 0; i < row.weights.size(); ++i) {
      const auto* from = source.row(row.first + static_cast<std::int64_t>(i));
      const float weight = row.weights[i];
      for (std::size_t k = 0; k < sums.size(); ++k) sums[k] += weight * static_cast<float>(from[k]);
    }
    auto* out = result.row(y);
    for (const auto& column : columns) {
      std::array<float, 3> mean;
      mean.fill(column.outside * static_cast<float>(kWhite));
      const auto* from = sums.data() + 3 * column.first;
      for (const float weight : column.weights) {
        for (std::size_t c = 0; c < 3; ++c) mean[c] += weight * from[c];
        from += 3;
      }
      for (const float value : mean)
        *out++ = static_cast<std::uint8_t>(std::clamp(value + 0.5F, 0.0F, 255.0F));
    }
  }
  return result;
}

PointD level_step(const SlideInfo& info, int level) {
  const auto slide = info.size_l0();
  const auto& entry = info.levels[static_cast<std::size_t>(level)];
  const auto width = static_cast<double>(slide.width);
  const auto height = static_cast<double>(slide.height);
  const double whole = std::round(entry.downsample);
  const bool explains = whole >= 1 && std::abs(width / whole - static_cast<double>(entry.width)) < 1 &&
                        std::abs(height / whole - static_cast<double>(entry.height)) < 1;
  if (explains) return {whole, whole};
  return {width / static_cast<double>(entry.width), height / static_cast<double>(entry.height)};
}

int choose_level(const SlideInfo& info, double downsample) {
  int best = 0;
  double best_step = 1;
  for (int level = 1; level < static_cast<int>(info.levels.size()); ++level) {
    const auto step = level_step(info, level);
    const double coarsest = std::max(step.x, step.y);
    if (coarsest <= downsample * (1 + kEpsilon) && coarsest > best_step) {
      best = level;
      best_step = coarsest;
    }
  }
  return best;
}

Image8 read_area(const SlideReader& reader, RectD rect_l0, SizeI size) {
  check_area(rect_l0, size);
  return read_area_at(reader, rect_l0, size, choose_level(reader.info(), pixels_per_pixel(rect_l0, size)));
}

namespace {

/// Paints parts of a whole slide; what cannot be read stays as it is.
class WholePainter {
 public:
  WholePainter(const SlideReader& reader, Image8& image)
      : reader_(reader),
        image_(image),
        step_l0_{static_cast<double>(reader.info().size_l0().width) / static_cast<double>(image.width()),
                 static_cast<double>(reader.info().size_l0().height) / static_cast<double>(image.height())},
        level_(choose_level(reader.info(), std::min(step_l0_.x, step_l0_.y))) {}

  /// Side of the blocks to read, in pixels of the image.
  [[nodiscard]] std::int64_t block() const {
    const auto step = level_step(reader_.info(), level_);
    const double shrink = (step_l0_.x / step.x) * (step_l0_.y / step.y);
    return std::clamp(static_cast<std::int64_t>(std::sqrt(static_cast<double>(kBlockPixels) / shrink)),
                      std::int64_t{1}, std::max(image_.width(), image_.height()));
  }

  /// A part that no level gives whole is painted by its quarters, so that one damaged tile costs its own
  /// place alone.
  void paint(std::int64_t x, std::int64_t y, SizeI part) {
    const RectD rect_l0{static_cast<double>(x) * step_l0_.x, static_cast<double>(y) * step_l0_.y,
                        static_cast<double>(part.width) * step_l0_.x,
                        static_cast<double>(part.height) * step_l0_.y};
    for (int from = level_; from < static_cast<int>(reader_.info().levels.size()); ++from) {
      try {
        const auto pixels = read_area_at(reader_, rect_l0, part, from);
        has_read_ = true;
        for (std::int64_t row = 0; row < part.height; ++row)
          std::memcpy(image_.pixel(x, y + row), pixels.row(row), static_cast<std::size_t>(3 * part.width));
        return;
      } catch (const Error& error) {
        if (error.code() != ErrorCode::corrupt_data) throw;
        if (why_.empty()) why_ = error.what();
      }
    }
    if (std::max(rect_l0.width, rect_l0.height) <= kSmallestDamage_l0 ||
        std::max(part.width, part.height) == 1)
      return;
    const auto left = (part.width + 1) / 2;
    const auto top = (part.height + 1) / 2;
    for (const std::int64_t down : {std::int64_t{0}, top}) {
      for (const std::int64_t right : {std::int64_t{0}, left}) {
        const SizeI quarter{right == 0 ? left : part.width - left, down == 0 ? top : part.height - top};
        if (quarter.width > 0 && quarter.height > 0) paint(x + right, y + down, quarter);
      }
    }
  }

  [[nodiscard]] bool has_read() const { return has_read_; }
  [[nodiscard]] const std::string& why() const { return why_; }

 private:
  static constexpr double kSmallestDamage_l0 = 128;  ///< parts this small are not divided further

  const SlideReader& reader_;
  Image8& image_;
  PointD step_l0_;
  int level_;
  bool has_read_ = false;
  std::string why_;
};

}  // namespace

Image8 read_whole(const SlideReader& reader, SizeI size) {
  const auto slide = reader.info().size_l0();
  check_area({0, 0, static_cast<double>(slide.width), static_cast<double>(slide.height)}, size);
  Image8 image(size.width, size.height, 3, 255);
  WholePainter painter(reader, image);
  const auto block = painter.block();
  for (std::int64_t y = 0; y < size.height; y += block) {
    for (std::int64_t x = 0; x < size.width; x += block)
      painter.paint(x, y, {std::min(block, size.width - x), std::min(block, size.height - y)});
  }
  if (!painter.has_read()) throw Error(ErrorCode::corrupt_data, painter.why());
  return image;
}

SizeI size_within(SizeI size, std::int64_t max_side) {
  const double shrink =
      std::max(1.0, static_cast<double>(std::max(size.width, size.height)) / static_cast<double>(max_side));
  const auto side = [&](std::int64_t length) {
    return std::max<std::int64_t>(1, std::llround(static_cast<double>(length) / shrink));
  };
  return {side(size.width), side(size.height)};
}

Image8 read_overview(const SlideReader& reader, std::int64_t max_side) {
  return read_whole(reader, size_within(reader.info().size_l0(), max_side));
}

}  // namespace imaging
