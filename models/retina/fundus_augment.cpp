#include "models/retina/fundus_augment.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numbers>
#include <span>

#include "imaging/base/error.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using imaging::Random;

using Plane = std::vector<float>;

struct Region {
  double x = 0, y = 0, width = 0, height = 0;
};

/// Weights of the source pixels behind each target pixel: a triangle as wide as the step, as torchvision's
/// antialiased bilinear filter.
struct Taps {
  std::vector<std::int64_t> first;
  std::vector<std::vector<float>> weights;

  Taps(double start, double length, std::int64_t count, std::int64_t limit) {
    const double step = length / static_cast<double>(count);
    const double reach = std::max(step, 1.0);
    for (std::int64_t i = 0; i < count; ++i) {
      const double centre = start + (static_cast<double>(i) + 0.5) * step;
      const auto low = std::max<std::int64_t>(0, static_cast<std::int64_t>(std::floor(centre - reach)));
      const auto high = std::min(limit, static_cast<std::int64_t>(std::ceil(centre + reach)));
      std::vector<float> row;
      double sum = 0;
      for (auto j = low; j < high; ++j) {
        const double weight = std::max(0.0, 1 - std::abs(static_cast<double>(j) + 0.5 - centre) / reach);
        row.push_back(static_cast<float>(weight));
        sum += weight;
      }
      for (auto& weight : row) weight = static_cast<float>(static_cast<double>(weight) / sum);
      first.push_back(low);
      weights.push_back(std::move(row));
    }
  }
};

/// The region of the image at side x side, planes of 0 to 1.
Plane resample(const imaging::Image8& image, const Region& region, std::int64_t side) {
  const auto channels = static_cast<std::int64_t>(image.channels());
  const Taps across(region.x, region.width, side, image.width());
  const Taps down(region.y, region.height, side, image.height());
  const auto first_row = down.first.front();
  const auto last_row = down.first.back() + std::ssize(down.weights.back());
  const auto width = side * channels;
  Plane rows(static_cast<std::size_t>((last_row - first_row) * width));
  for (auto y = first_row; y < last_row; ++y) {
    auto* out = rows.data() + (y - first_row) * width;
    for (std::int64_t x = 0; x < side; ++x) {
      const auto& weights = across.weights[static_cast<std::size_t>(x)];
      const auto* in = image.pixel(across.first[static_cast<std::size_t>(x)], y);
      for (std::int64_t c = 0; c < channels; ++c) {
        float sum = 0;
        for (std::size_t k = 0; k < weights.size(); ++k)
          sum += weights[k] * static_cast<float>(in[static_cast<std::int64_t>(k) * channels + c]);
        out[x * channels + c] = sum;
      }
    }
  }
  Plane planes(static_cast<std::size_t>(channels * side * side));
  Plane line(static_cast<std::size_t>(width));
  for (std::int64_t y = 0; y < side; ++y) {
    std::fill(line.begin(), line.end(), 0.0F);
    const auto& weights = down.weights[static_cast<std::size_t>(y)];
    const auto* in = rows.data() + (down.first[static_cast<std::size_t>(y)] - first_row) * width;
    for (const float weight : weights) {
      for (std::int64_t i = 0; i < width; ++i) line[static_cast<std::size_t>(i)] += weight * in[i];
      in += width;
    }
    for (std::int64_t c = 0; c < channels; ++c) {
      for (std::int64_t x = 0; x < side; ++x)
        planes[static_cast<std::size_t>((c * side + y) * side + x)] =
            line[static_cast<std::size_t>(x * channels + c)] / 255.0F;
    }
  }
  return planes;
}

/// Three planes of 0 to 1 that are being changed.
class Canvas {
 public:
  Canvas(Plane planes, std::int64_t side)
      : planes_(std::move(planes)), side_(side), area_(static_cast<std::size_t>(side * side)) {}

  [[nodiscard]] std::int64_t side() const { return side_; }
  [[nodiscard]] Plane& planes() { return planes_; }
  [[nodiscard]] std::span<float> plane(std::size_t channel) {
    return std::span(planes_).subspan(channel * area_, area_);
  }

  [[nodiscard]] Plane grey() const {
    Plane grey(area_);
    for (std::size_t i = 0; i < area_; ++i)
      grey[i] = 0.299F * planes_[i] + 0.587F * planes_[area_ + i] + 0.114F * planes_[2 * area_ + i];
    return grey;
  }
  [[nodiscard]] double mean() const {
    double sum = 0;
    for (const float value : planes_) sum += static_cast<double>(value);
    return sum / static_cast<double>(planes_.size());
  }

  void clamp() {
    for (auto& value : planes_) value = std::clamp(value, 0.0F, 1.0F);
  }
  void brighten(double factor) {
    for (auto& value : planes_) value *= static_cast<float>(factor);
    clamp();
  }
  void contrast(double factor) {
    const auto pixels = grey();
    double sum = 0;
    for (const float value : pixels) sum += static_cast<double>(value);
    const auto rest = static_cast<float>((1 - factor) * sum / static_cast<double>(area_));
    for (auto& value : planes_) value = static_cast<float>(factor) * value + rest;
    clamp();
  }
  void saturate(double factor) {
    const auto pixels = grey();
    for (std::size_t c = 0; c < 3; ++c) {
      auto values = plane(c);
      for (std::size_t i = 0; i < area_; ++i)
        values[i] = static_cast<float>(factor) * values[i] + static_cast<float>(1 - factor) * pixels[i];
    }
    clamp();
  }
  /// @param turn  share of the colour circle
  void shift_hue(double turn) {
    for (std::size_t i = 0; i < area_; ++i) {
      const float r = planes_[i], g = planes_[area_ + i], b = planes_[2 * area_ + i];
      const float high = std::max({r, g, b}), low = std::min({r, g, b}), range = high - low;
      if (range <= 0) continue;
      float hue = high == r ? (g - b) / range : high == g ? 2 + (b - r) / range : 4 + (r - g) / range;
      hue = std::fmod(hue + static_cast<float>(turn) * 6 + 12, 6.0F);
      const std::array<float, 3> offset{5, 3, 1};
      for (std::size_t c = 0; c < 3; ++c) {
        const float k = std::fmod(offset[c] + hue, 6.0F);
        planes_[c * area_ + i] = high - range * std::clamp(std::min(k, 4 - k), 0.0F, 1.0F);
      }
    }
  }
  /// Adds the pattern times a tint per channel.
  void add(const Plane& pattern, const std::array<double, 3>& tint) {
    for (std::size_t c = 0; c < 3; ++c) {
      auto values = plane(c);
      for (std::size_t i = 0; i < area_; ++i) values[i] += pattern[i] * static_cast<float>(tint[c]);
    }
    clamp();
  }

 private:
  Plane planes_;
  std::int64_t side_;
  std::size_t area_;
};

constexpr std::array<double, 3> kNeutral{1, 1, 1};

std::int64_t odd_from(std::int64_t value) {
  return value / 2 * 2 + 1;
}

/// Gaussian blur with an odd kernel, the edge pixels repeated.
void blur(std::span<float> plane, std::int64_t side, std::int64_t kernel, double sigma) {
  const auto half = kernel / 2;
  if (half < 1) return;
  std::vector<float> weights;
  double sum = 0;
  for (auto k = -half; k <= half; ++k) {
    weights.push_back(static_cast<float>(std::exp(-static_cast<double>(k * k) / (2 * sigma * sigma))));
    sum += static_cast<double>(weights.back());
  }
  for (auto& weight : weights) weight /= static_cast<float>(sum);
  const auto pass = [&](const Plane& in, std::int64_t step, std::int64_t other) {
    for (std::int64_t line = 0; line < side; ++line) {
      for (std::int64_t i = 0; i < side; ++i) {
        float value = 0;
        for (auto k = -half; k <= half; ++k) {
          const auto j = std::clamp<std::int64_t>(i + k, 0, side - 1);
          value += weights[static_cast<std::size_t>(k + half)] *
                   in[static_cast<std::size_t>(line * other + j * step)];
        }
        plane[static_cast<std::size_t>(line * other + i * step)] = value;
      }
    }
  };
  pass(Plane(plane.begin(), plane.end()), 1, side);
  pass(Plane(plane.begin(), plane.end()), side, 1);
}

/// Adds `value(distance)` inside a disc. @param distance in radii
void paint_disc(Plane& plane, std::int64_t side, double row, double column, double radius,
                const std::function<double(double)>& value) {
  const auto low = [&](double at) { return std::max<std::int64_t>(0, std::lround(std::floor(at - radius))); };
  const auto high = [&](double at) { return std::min(side - 1, std::lround(std::ceil(at + radius))); };
  for (auto y = low(row); y <= high(row); ++y) {
    for (auto x = low(column); x <= high(column); ++x) {
      const double distance = std::hypot(static_cast<double>(y) - row, static_cast<double>(x) - column);
      if (distance <= radius)
        plane[static_cast<std::size_t>(y * side + x)] += static_cast<float>(value(distance / radius));
    }
  }
}

void jitter(Canvas& canvas, Random& random, double light, double hue) {
  std::array<int, 4> order{0, 1, 2, 3};
  random.shuffle(std::span<int>(order));
  for (const int step : order) {
    const double factor = random.uniform(std::max(0.0, 1 - light), 1 + light);
    if (step == 0) canvas.brighten(factor);
    if (step == 1) canvas.contrast(factor);
    if (step == 2) canvas.saturate(factor);
    if (step == 3) canvas.shift_hue(random.uniform(-hue, hue));
  }
}

void sharpen(Canvas& canvas, Random& random) {
  const auto factor = static_cast<float>(random.uniform(0, 2));
  const auto side = canvas.side();
  for (std::size_t c = 0; c < 3; ++c) {
    auto values = canvas.plane(c);
    const Plane before(values.begin(), values.end());
    const auto at = [&](std::int64_t y, std::int64_t x) {
      return before[static_cast<std::size_t>(y * side + x)];
    };
    for (std::int64_t y = 1; y + 1 < side; ++y) {
      for (std::int64_t x = 1; x + 1 < side; ++x) {
        float around = 4 * at(y, x);
        for (std::int64_t dy = -1; dy <= 1; ++dy) {
          for (std::int64_t dx = -1; dx <= 1; ++dx) around += at(y + dy, x + dx);
        }
        values[static_cast<std::size_t>(y * side + x)] = factor * at(y, x) + (1 - factor) * around / 13;
      }
    }
  }
  canvas.clamp();
}

void add_halo(Canvas& canvas, Random& random) {
  const auto side = canvas.side();
  const auto s = static_cast<double>(side);
  const double centre = random.uniform(s / 2 - s / 8, s / 2 + s / 8);
  const double radius = s * random.uniform(0.75, 1) / 2;
  const double draw = random.uniform();
  const double weight = draw < 0.8 ? 1 : draw < 0.9 ? 1.2 : draw < 0.95 ? 1.5 : 2;
  const double ring = canvas.mean() * weight;
  Plane pattern(static_cast<std::size_t>(side * side), static_cast<float>(ring));
  paint_disc(pattern, side, centre, centre, radius, [&](double) { return -ring; });
  const auto kernel = odd_from(std::lround(random.uniform(0.1, 0.25) * s));
  blur(pattern, side, kernel, 2.0 / 3 * static_cast<double>(kernel) + 0.01);
  const bool is_pale = random.uniform(0, 2) < 0.2;
  canvas.add(pattern, is_pale ? std::array{251.0 / 255, 249.0 / 255, 246.0 / 255}
                              : std::array{141.0 / 255, 238.0 / 255, 238.0 / 255});
}

void add_hole(Canvas& canvas, const Plane& field, Random& random) {
  const auto side = canvas.side();
  const auto s = static_cast<double>(side);
  const double diameter = random.uniform(0.4, 0.9) * s;
  const double row = random.uniform(s / 4, 3 * s / 4), column = random.uniform(3 * s / 8, 5 * s / 8);
  double sum = 0, count = 0;
  const auto grey = canvas.grey();
  for (std::size_t i = 0; i < field.size(); ++i) {
    sum += static_cast<double>(grey[i]) * static_cast<double>(field[i]);
    count += static_cast<double>(field[i]);
  }
  const double mean = count > 0 ? sum / count : 0;
  if (mean <= 0.25) return;
  const double base = random.uniform(-0.262, -0.26);
  const double factor = random.uniform(base - 0.06 * mean, base - 0.05 * mean);
  Plane pattern(static_cast<std::size_t>(side * side));
  paint_disc(pattern, side, row, column, diameter / 2, [&](double) { return factor; });
  const auto kernel = odd_from(std::lround(random.uniform(0.55, 0.75) * diameter));
  blur(pattern, side, kernel, 0.8 * static_cast<double>(kernel));
  canvas.add(pattern, kNeutral);
}

void add_spots(Canvas& canvas, Random& random) {
  const auto side = canvas.side();
  const auto s = static_cast<double>(side);
  const auto count = 5 + random.index(6);
  for (std::int64_t i = 0; i < count; ++i) {
    const auto low = std::lround(std::ceil(0.01 * s)),
               high = std::max(low, std::lround(std::floor(0.05 * s)));
    const auto r = static_cast<double>(low + random.index(high - low + 1));
    const double radius = std::max(1.0, std::floor(r / 2));
    const double k = 14.0 / 25 + 1 - r / 25, beta = 0.5 + r / 25, d = 0.3 * r / 25;
    const double brightness = k * (1 - std::exp(-beta * d));
    Plane pattern(static_cast<std::size_t>(side * side));
    paint_disc(pattern, side, random.uniform(0, s), random.uniform(0, s), radius,
               [&](double) { return brightness; });
    const double sigma = 2 * (5 + 20 * r / 25);
    blur(pattern, side, odd_from(std::lround(random.uniform(sigma / 5, sigma / 4))), sigma);
    canvas.add(pattern, kNeutral);
  }
}

void blur_all(Canvas& canvas, Random& random) {
  const double sigma = random.uniform(0.1, 3);
  const auto kernel = 2 * std::lround(random.uniform(std::floor(sigma / 3), std::floor(sigma / 2))) + 1;
  for (std::size_t c = 0; c < 3; ++c) blur(canvas.plane(c), canvas.side(), kernel, sigma);
}

/// A square of the planes, mirrored, flipped and turned.
struct Placement {
  std::int64_t row = 0, column = 0, side = 0;
  bool is_mirrored = false, is_flipped = false, is_transposed = false;

  [[nodiscard]] Plane cut(const Plane& planes, std::int64_t whole) const {
    const auto channels = std::ssize(planes) / (whole * whole);
    Plane cut;
    cut.reserve(static_cast<std::size_t>(channels * side * side));
    for (std::int64_t c = 0; c < channels; ++c) {
      for (std::int64_t i = 0; i < side; ++i) {
        for (std::int64_t j = 0; j < side; ++j) {
          auto y = is_transposed ? j : i, x = is_transposed ? i : j;
          if (is_flipped) y = side - 1 - y;
          if (is_mirrored) x = side - 1 - x;
          cut.push_back(planes[static_cast<std::size_t>((c * whole + row + y) * whole + column + x)]);
        }
      }
    }
    return cut;
  }
};

Placement draw_placement(std::int64_t whole, std::int64_t side, bool flips, bool turns, Random& random) {
  Placement place{
      .row = random.index(whole - side + 1), .column = random.index(whole - side + 1), .side = side};
  place.is_mirrored = random.chance(0.5);
  if (flips || turns) place.is_flipped = random.chance(0.5);
  if (turns) place.is_transposed = random.chance(0.5);
  return place;
}

/// torchvision's RandomResizedCrop: area 0.7 to 1, sides 3:4 to 4:3.
Region draw_region(std::int64_t size, Random& random) {
  const auto whole = static_cast<double>(size);
  for (int attempt = 0; attempt < 10; ++attempt) {
    const double area = random.uniform(0.7, 1) * whole * whole;
    const double ratio = std::exp(random.uniform(std::log(0.75), std::log(4.0 / 3)));
    const double width = std::round(std::sqrt(area * ratio)), height = std::round(std::sqrt(area / ratio));
    if (width > whole || height > whole) continue;
    return {std::floor(random.uniform(0, whole - width + 1)),
            std::floor(random.uniform(0, whole - height + 1)), width, height};
  }
  return {0, 0, whole, whole};
}

NetworkPicture picture_of(const Placement& place, const Plane& planes, const Plane& field,
                          const Plane& lesions, std::int64_t whole) {
  return {place.side, place.cut(planes, whole), place.cut(field, whole), place.cut(lesions, whole)};
}

}  // namespace

AugmentedViews augment_fundus(const FieldPicture& picture, std::int64_t side, FundusAugmentation augmentation,
                              bool turn, Random& random) {
  const auto size = picture.image.width();
  if (picture.image.height() != size || picture.image.channels() != 3 || picture.mask.width() != size ||
      picture.mask.height() != size || picture.mask.channels() != 1) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("A picture to augment must be square RGB with a mask of its size, not {} x {}.",
                            size, picture.image.height()));
  }
  const Region full{0, 0, static_cast<double>(size), static_cast<double>(size)};
  const auto lesions_in = [&](const Region& region, std::int64_t resized) {
    return picture.lesions.empty() ? Plane() : resample(picture.lesions, region, resized);
  };
  if (augmentation != FundusAugmentation::fundus) {
    const bool is_plain = augmentation == FundusAugmentation::none;
    const auto region = is_plain ? full : draw_region(size, random);
    Canvas canvas(resample(picture.image, region, side), side);
    const auto field = resample(picture.mask, region, side), lesions = lesions_in(region, side);
    Placement place{.side = side};
    if (!is_plain) {
      place = draw_placement(side, side, false, turn, random);
      jitter(canvas, random, 0.3, 0.3);
      if (random.chance(0.1)) canvas.saturate(0);
    }
    auto made = picture_of(place, canvas.planes(), field, lesions, side);
    return {made, std::move(made)};
  }
  const auto whole = side * 8 / 7;
  const auto field = resample(picture.mask, full, whole), lesions = lesions_in(full, whole);
  Canvas canvas(resample(picture.image, full, whole), whole);
  jitter(canvas, random, 1, 0.05);
  const auto masked = [&](Plane planes) {
    for (std::size_t i = 0; i < planes.size(); ++i) planes[i] *= field[i % field.size()];
    return planes;
  };
  const auto original = masked(canvas.planes());
  if (random.chance(0.5)) sharpen(canvas, random);
  if (random.chance(0.5)) add_halo(canvas, random);
  if (random.chance(0.5)) add_hole(canvas, field, random);
  if (random.chance(0.5)) add_spots(canvas, random);
  if (random.chance(0.5)) blur_all(canvas, random);
  const auto augmented = masked(canvas.planes());
  const auto first = draw_placement(whole, side, true, turn, random);
  const auto second = draw_placement(whole, side, true, turn, random);
  return {picture_of(first, augmented, field, lesions, whole),
          picture_of(second, original, field, lesions, whole)};
}

}  // namespace models
