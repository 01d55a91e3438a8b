#include "app/viewmodels/display.h"

#include <algorithm>
#include <cmath>

#include "imaging/stain/optical_density.h"

namespace viewmodels {
namespace {

using Vector = std::array<double, 3>;
using Matrix = std::array<Vector, 3>;

constexpr int kCubeBits = 6;
constexpr int kCubeSide = 1 << kCubeBits;
constexpr int kShift = 8 - kCubeBits;

Vector cross(const Vector& a, const Vector& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}

double dot(const Vector& a, const Vector& b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/// Haematoxylin, eosin and what is at right angles to both.
Matrix stain_rows() {
  const auto& stains = imaging::kRuifrokStains.rows;
  auto residual = cross(stains[0], stains[1]);
  const auto length = std::sqrt(dot(residual, residual));
  for (auto& value : residual) value /= length;
  return {stains[0], stains[1], residual};
}

/// The row of the inverse that gives the amount of one stain.
Vector amount_row(const Matrix& rows, std::size_t stain) {
  const auto other = cross(rows[(stain + 1) % 3], rows[(stain + 2) % 3]);
  const auto determinant = dot(rows[stain], other);
  return {other[0] / determinant, other[1] / determinant, other[2] / determinant};
}

}  // namespace

Display::Display(QObject* parent) : QObject(parent) {
  rebuild();
}

void Display::set_brightness(double brightness) {
  brightness_ = std::clamp(brightness, -1.0, 1.0);
  rebuild();
}

void Display::set_contrast(double contrast) {
  contrast_ = std::clamp(contrast, 0.1, 4.0);
  rebuild();
}

void Display::set_gamma(double gamma) {
  gamma_ = std::clamp(gamma, 0.2, 4.0);
  rebuild();
}

void Display::set_channel(Channel channel) {
  channel_ = channel;
  rebuild();
}

void Display::reset() {
  brightness_ = 0;
  contrast_ = gamma_ = 1;
  channel_ = Channel::colour;
  rebuild();
}

bool Display::is_plain() const {
  return channel_ == Channel::colour && brightness_ == 0 && contrast_ == 1 && gamma_ == 1;
}

QStringList Display::channel_names() {
  return {tr("Colour"), tr("Haematoxylin"), tr("Eosin"), tr("Residual"), tr("Red-free (green)")};
}

void Display::rebuild() {
  for (int level = 0; level < 256; ++level) {
    const auto value = (level / 255.0 - 0.5) * contrast_ + 0.5 + brightness_;
    const auto bent = std::pow(std::clamp(value, 0.0, 1.0), 1 / gamma_);
    levels_[static_cast<std::size_t>(level)] = static_cast<unsigned char>(std::lround(bent * 255));
  }
  cube_.clear();
  const bool is_stain = channel_ != Channel::colour && channel_ != Channel::red_free;
  if (is_stain) {
    const auto stain = channel_ == Channel::haematoxylin ? 0U : channel_ == Channel::eosin ? 1U : 2U;
    const auto rows = stain_rows();
    const auto amount_of = amount_row(rows, stain);
    const auto density = imaging::density_tables({255, 255, 255});
    // The residual has no colour of its own: grey, as dark as it is large.
    const Vector shown = stain == 2 ? Vector{0.577, 0.577, 0.577} : rows[stain];
    std::array<std::array<float, kCubeSide>, 3> part{};
    for (std::size_t c = 0; c < 3; ++c) {
      for (int i = 0; i < kCubeSide; ++i) {
        const auto level = std::min(255, (i << kShift) + (1 << kShift) / 2 + (i == kCubeSide - 1 ? 2 : 0));
        part[c][static_cast<std::size_t>(i)] = static_cast<float>(
            amount_of[c] * static_cast<double>(density[c][static_cast<std::size_t>(level)]));
      }
    }
    constexpr int kSteps = 1024;
    constexpr float kMostAmount = 3;  // OD
    std::array<QRgb, kSteps + 1> colours{};
    for (int i = 0; i <= kSteps; ++i) {
      const auto amount = static_cast<double>(kMostAmount) * i / kSteps;
      const auto level = [&](std::size_t c) {
        return levels_[static_cast<std::size_t>(std::lround(255 * std::pow(10, -amount * shown[c])))];
      };
      colours[static_cast<std::size_t>(i)] = qRgb(level(0), level(1), level(2));
    }
    cube_.resize(static_cast<std::size_t>(kCubeSide) * kCubeSide * kCubeSide);
    std::size_t at = 0;
    for (const auto red : part[0]) {
      for (const auto green : part[1]) {
        for (const auto blue : part[2]) {
          auto amount = red + green + blue;
          if (stain == 2) amount = std::abs(amount);
          const auto step = std::clamp(amount / kMostAmount, 0.0F, 1.0F) * kSteps;
          cube_[at++] = colours[static_cast<std::size_t>(step)];
        }
      }
    }
  }
  Q_EMIT changed();
}

void Display::apply(QImage& image) const {
  for (int y = 0; y < image.height(); ++y) {
    auto* pixel = reinterpret_cast<QRgb*>(image.scanLine(y));
    auto* const end = pixel + image.width();
    if (!cube_.empty()) {
      for (; pixel != end; ++pixel) {
        const auto rgb = *pixel;
        *pixel =
            cube_[(rgb >> (16 + kShift) & (kCubeSide - 1)) << (2 * kCubeBits) |
                  (rgb >> (8 + kShift) & (kCubeSide - 1)) << kCubeBits | (rgb >> kShift & (kCubeSide - 1))];
      }
    } else if (channel_ == Channel::red_free) {
      for (; pixel != end; ++pixel) {
        const auto level = levels_[*pixel >> 8 & 255];
        *pixel = qRgb(level, level, level);
      }
    } else {
      for (; pixel != end; ++pixel) {
        const auto rgb = *pixel;
        *pixel = qRgb(levels_[rgb >> 16 & 255], levels_[rgb >> 8 & 255], levels_[rgb & 255]);
      }
    }
  }
}

}  // namespace viewmodels
