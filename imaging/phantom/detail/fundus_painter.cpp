#include "imaging/phantom/detail/fundus_painter.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "imaging/phantom/detail/noise.h"

namespace imaging::detail {
namespace {

constexpr float kPi = std::numbers::pi_v<float>;
using Colour = std::array<float, 3>;

// What reflects the light, R, G, B.
constexpr Colour kFundus{0.62F, 0.30F, 0.14F};
constexpr Colour kDiscRim{0.97F, 0.62F, 0.36F};
constexpr Colour kCup{1.02F, 0.82F, 0.58F};
constexpr Colour kExudate{1.02F, 0.80F, 0.34F};
constexpr Colour kCottonWool{0.90F, 0.70F, 0.50F};
constexpr Colour kPooledBlood{0.33F, 0.05F, 0.03F};
constexpr std::array<double, 3> kStrayLight{0.62, 0.60, 0.56};
// What absorbs it, per unit of depth.
constexpr Colour kVenousBlood{0.25F, 0.68F, 0.52F};
constexpr Colour kArterialBlood{0.13F, 0.55F, 0.45F};
constexpr Colour kSpilledBlood{0.36F, 1.1F, 0.85F};

inline std::uint32_t pixel_hash(std::uint32_t x, std::uint32_t y, std::uint32_t seed) {
  std::uint32_t h = x * 0x9e3779b1U ^ (y * 0x85ebca77U + seed);
  h = (h ^ (h >> 15)) * 0x2c1b3c6dU;
  h = (h ^ (h >> 12)) * 0x297a2d39U;
  return h ^ (h >> 15);
}

/// About normal, deviation 1: the sum of four uniform bytes.
inline float pixel_normal(std::uint32_t x, std::uint32_t y, std::uint32_t seed) {
  const auto h = pixel_hash(x, y, seed);
  const auto sum = (h & 255U) + ((h >> 8) & 255U) + ((h >> 16) & 255U) + (h >> 24);
  return (static_cast<float>(sum) - 510.0F) / 147.8F;
}

inline double smooth_within(double low, double high, double value) {
  const double t = std::clamp((value - low) / (high - low), 0.0, 1.0);
  return t * t * (3 - 2 * t);
}

/// One plane of floats over the frame.
class Layer {
 public:
  Layer(std::int64_t width, std::int64_t height)
      : width_(width), height_(height), values_(static_cast<std::size_t>(width * height), 0.0F) {}

  [[nodiscard]] float at(std::int64_t x, std::int64_t y) const {
    return values_[static_cast<std::size_t>(y * width_ + x)];
  }
  void raise(std::int64_t x, std::int64_t y, float value) {
    auto& here = values_[static_cast<std::size_t>(y * width_ + x)];
    here = std::max(here, value);
  }

  /// Calls `paint(x, y)` for the pixels of a box, cut at the frame.
  template <typename Paint>
  void over(double left, double top, double right, double bottom, Paint paint) {
    const auto x0 = std::max<std::int64_t>(0, static_cast<std::int64_t>(std::floor(left)));
    const auto y0 = std::max<std::int64_t>(0, static_cast<std::int64_t>(std::floor(top)));
    const auto x1 = std::min(width_ - 1, static_cast<std::int64_t>(std::ceil(right)));
    const auto y1 = std::min(height_ - 1, static_cast<std::int64_t>(std::ceil(bottom)));
    for (auto y = y0; y <= y1; ++y) {
      for (auto x = x0; x <= x1; ++x) paint(x, y);
    }
  }

 private:
  std::int64_t width_;
  std::int64_t height_;
  std::vector<float> values_;
};

class FundusPainter {
 public:
  FundusPainter(const RetinaLayout& retina, const FundusFrame& frame, const FundusDomain& domain,
                const FundusFaults& faults, std::uint64_t seed)
      : retina_(retina),
        frame_(frame),
        domain_(domain),
        faults_(faults),
        seed_(seed),
        noise_(seed),
        picture_(static_cast<int>(frame.height), static_cast<int>(frame.width), CV_32FC3),
        blood_{Layer(frame.width, frame.height), Layer(frame.width, frame.height)} {}

  PaintedFundus paint() {
    paint_vessels();
    paint_ground();
    for (const auto kind : {LesionKind::soft_exudate, LesionKind::microaneurysm, LesionKind::haemorrhage,
                            LesionKind::hard_exudate, LesionKind::preretinal_haemorrhage}) {
      for (const auto& lesion : retina_.lesions) {
        if (lesion.kind == kind) paint_lesion(lesion);
      }
    }
    blur(domain_.blur + 9 * faults_.blur);
    light();
    PaintedFundus painted{develop(), std::move(truth_)};
    add_border(painted.photograph);
    return painted;
  }

 private:
  Image8& truth(const std::string& name) {
    auto found = truth_.find(name);
    if (found == truth_.end()) found = truth_.emplace(name, Image8(frame_.width, frame_.height, 1)).first;
    return found->second;
  }
  bool is_in_field(std::int64_t x, std::int64_t y) const {
    return std::hypot(static_cast<double>(x) - frame_.centre.x, static_cast<double>(y) - frame_.centre.y) <=
           frame_.radius;
  }
  void mark(Image8& mask, std::int64_t x, std::int64_t y) const {
    if (is_in_field(x, y)) *mask.pixel(x, y) = 255;
  }

  void paint_vessels() {
    for (const char* name : {"vessels", "optic_disc", "optic_cup", "field_of_view"}) (void)truth(name);
    for (const auto& vessel : retina_.vessels) {
      for (std::size_t i = 1; i < vessel.path.size(); ++i)
        paint_segment(vessel.kind, vessel.path[i - 1], vessel.path[i]);
    }
  }

  void paint_segment(VesselKind kind, const VesselNode& from, const VesselNode& to) {
    const auto a = frame_.to_pixels(from.at);
    const auto b = frame_.to_pixels(to.at);
    const double reach =
        0.5 * static_cast<double>(std::max(from.width, to.width)) * frame_.px_per_degree() + 1;
    const auto length_squared = std::max(1e-9, (b.x - a.x) * (b.x - a.x) + (b.y - a.y) * (b.y - a.y));
    const bool is_vein = kind == VesselKind::vein;
    auto& layer = blood_[is_vein ? 0 : 1];
    auto& mask = truth(kind == VesselKind::irma          ? "irma"
                       : kind == VesselKind::neovascular ? "neovascularisation"
                                                         : "vessels");
    layer.over(
        std::min(a.x, b.x) - reach, std::min(a.y, b.y) - reach, std::max(a.x, b.x) + reach,
        std::max(a.y, b.y) + reach, [&](std::int64_t x, std::int64_t y) {
          const double px = static_cast<double>(x) - a.x;
          const double py = static_cast<double>(y) - a.y;
          const double t = std::clamp((px * (b.x - a.x) + py * (b.y - a.y)) / length_squared, 0.0, 1.0);
          const double distance = std::hypot(px - t * (b.x - a.x), py - t * (b.y - a.y));
          const double width = std::lerp(static_cast<double>(from.width), static_cast<double>(to.width), t);
          const double radius = 0.5 * width * frame_.px_per_degree();
          if (distance <= std::max(radius, 0.6)) mark(mask, x, y);
          const double cover = std::clamp(radius + 0.5 - distance, 0.0, std::min(1.0, 2 * radius));
          if (cover <= 0) return;
          const double across = std::min(1.0, distance / std::max(radius, 0.5));
          double depth = std::sqrt(1 - 0.75 * across * across) * std::min(1.0, 0.27 + 1.7 * width);
          if (kind == VesselKind::artery && radius > 1.4) {  // the reflex along the middle
            depth *= 1 - 0.38 * std::exp(-across * across / 0.07);
          }
          if (kind == VesselKind::neovascular || kind == VesselKind::irma) depth *= 1.35;
          layer.raise(x, y, static_cast<float>(cover * depth));
        });
  }

  /// Pigment, choroid, macula, disc and the blood of the vessels.
  void paint_ground() {
    auto& disc_mask = truth("optic_disc");
    auto& cup_mask = truth("optic_cup");
    auto& field_mask = truth("field_of_view");
    for (std::int64_t y = 0; y < frame_.height; ++y) {
      auto* row = picture_.ptr<cv::Vec3f>(static_cast<int>(y));
      for (std::int64_t x = 0; x < frame_.width; ++x) {
        if (!is_in_field(x, y)) {
          row[x] = cv::Vec3f::all(0);
          continue;
        }
        *field_mask.pixel(x, y) = 255;
        const auto at = frame_.to_retina(static_cast<double>(x), static_cast<double>(y));
        auto colour = ground_at(at);
        const float dx = at.x - retina_.disc.x;
        const float dy = (at.y - retina_.disc.y) / retina_.disc_aspect;
        const float out = std::hypot(dx, dy) / retina_.disc_radius + 0.025F * noise_.round(3 + at.x, at.y);
        const float cup = std::hypot(at.x - retina_.cup.x, (at.y - retina_.cup.y) / retina_.disc_aspect) /
                          (retina_.cup_ratio * retina_.disc_radius);
        const float in_disc = 1 - smooth_step(0.93F, 1.07F, out);
        const float in_cup = in_disc * (1 - smooth_step(0.7F, 1.2F, cup));
        if (out <= 1) *disc_mask.pixel(x, y) = 255;
        if (out <= 1 && cup <= 1) *cup_mask.pixel(x, y) = 255;
        const float halo = 0.14F * (1 - smooth_step(1.0F, 1.5F, out));
        const float nasal = 1 - 0.12F * smooth_step(-0.3F, 1.0F, dx / retina_.disc_radius);
        for (std::size_t c = 0; c < 3; ++c) {
          float value = mix(colour[c], kDiscRim[c], halo);
          value = mix(value, kDiscRim[c] * nasal * (1 + 0.05F * noise_.round(at.x * 3, at.y * 3)),
                      0.93F * in_disc);
          value = mix(value, kCup[c], 0.9F * in_cup);
          const float vein = blood_[0].at(x, y);
          const float artery = blood_[1].at(x, y);
          value *= std::exp(-kVenousBlood[c] * vein) * std::exp(-kArterialBlood[c] * artery);
          row[x][static_cast<int>(c)] = value;
        }
      }
    }
  }

  Colour ground_at(RetinaPoint at) const {
    const float cloud = noise_.octaves(at.x * 0.11F + 40, at.y * 0.11F + 40);
    const float patch = noise_.octaves(at.x * 0.5F + 90, at.y * 0.5F + 20);
    const float grain = noise_.octaves(at.x * 4, at.y * 4);
    // Choroidal vessels: bright winding bands between the pigment, away from the macula.
    const float bend = 0.9F * noise_.round(at.x * 0.35F, at.y * 0.35F);
    const float band = noise_.round(at.x * 0.8F + bend + 7, at.y * 0.55F - bend + 3);
    const float macula = length(at) / 5.5F;
    const float choroid = retina_.tessellation * smooth_step(0.6F, 1.8F, macula) *
                          ((1 - smooth_step(0.0F, 0.5F, std::abs(band))) - 0.35F);
    const float shade = retina_.pigment * (1 + 0.09F * cloud + 0.045F * patch + 0.035F * grain);
    const float fovea = std::exp(-(at.x * at.x + at.y * at.y) / (2 * 1.15F * 1.15F));
    const float area = std::exp(-(at.x * at.x + at.y * at.y) / (2 * 3.4F * 3.4F));
    const float reflex = 0.05F * std::exp(-std::pow(length(at) / 0.16F, 2.0F));
    const Colour pigment_loss{0.12F, 0.25F, 0.30F};
    const Colour pit_loss{0.22F, 0.34F, 0.36F};
    const Colour choroid_gain{0.15F, 0.085F, 0.05F};
    Colour colour{};
    for (std::size_t c = 0; c < 3; ++c) {
      const float red = c == 0 ? 1 + retina_.redness : 1 - retina_.redness;
      colour[c] = kFundus[c] * red * shade * (1 + choroid_gain[c] * choroid) * (1 - pigment_loss[c] * area) *
                      (1 - pit_loss[c] * fovea) +
                  reflex;
    }
    return colour;
  }

  void paint_lesion(const RetinaLesion& lesion) {
    static constexpr std::array<const char*, 5> kNames{"microaneurysms", "haemorrhages", "hard_exudates",
                                                       "soft_exudates", "preretinal_haemorrhages"};
    auto& mask = truth(kNames[static_cast<std::size_t>(lesion.kind)]);
    const auto centre = frame_.to_pixels(lesion.at);
    const double reach = 1.8 * static_cast<double>(lesion.radius) * frame_.px_per_degree() + 2;
    const float pixel = static_cast<float>(1 / frame_.px_per_degree());
    const float offset = static_cast<float>(lesion.seed % 199);
    blood_[0].over(
        centre.x - reach, centre.y - reach, centre.x + reach, centre.y + reach,
        [&](std::int64_t x, std::int64_t y) {
          const auto at = frame_.to_retina(static_cast<double>(x), static_cast<double>(y));
          const float px = at.x - lesion.at.x;
          const float py = at.y - lesion.at.y;
          const float along = px * std::cos(lesion.angle) + py * std::sin(lesion.angle);
          const float across = (-px * std::sin(lesion.angle) + py * std::cos(lesion.angle)) / lesion.aspect;
          float reaching = std::hypot(along, across) / lesion.radius;
          const float scale = 1.1F / lesion.radius;
          reaching += lesion.wobble * 0.55F *
                      noise_.octaves(along * scale + offset, across * scale * lesion.aspect + offset);
          if (lesion.kind == LesionKind::preretinal_haemorrhage) {  // blood settles under a level surface
            reaching =
                std::max(reaching, 1 - 2.2F * (py + 0.25F * lesion.radius * lesion.aspect) / lesion.radius);
          }
          const float soft = softness(lesion.kind);
          const float edge = std::max(soft, 1.2F * pixel / lesion.radius);
          const float inside = lesion.density * (1 - smooth_step(1 - edge, 1 + edge, reaching));
          if (inside <= 0.004F || !is_in_field(x, y)) return;
          if (reaching <= 1) *mask.pixel(x, y) = 255;
          auto& here = picture_.at<cv::Vec3f>(static_cast<int>(y), static_cast<int>(x));
          for (int c = 0; c < 3; ++c)
            here[c] = laid_over(lesion, here[c], inside, static_cast<std::size_t>(c), at);
        });
    // A lesion finer than a pixel still has its place.
    const auto x = std::lround(centre.x);
    const auto y = std::lround(centre.y);
    const bool is_seen = x >= 0 && y >= 0 && x < frame_.width && y < frame_.height &&
                         lesion.kind != LesionKind::preretinal_haemorrhage;
    if (is_seen) mark(mask, x, y);
  }

  static float softness(LesionKind kind) {
    switch (kind) {
      case LesionKind::soft_exudate:
        return 0.55F;
      case LesionKind::microaneurysm:
        return 0.4F;
      case LesionKind::haemorrhage:
        return 0.3F;
      case LesionKind::hard_exudate:
        return 0.22F;
      case LesionKind::preretinal_haemorrhage:
        return 0.08F;
    }
    return 0;
  }

  float laid_over(const RetinaLesion& lesion, float below, float inside, std::size_t c,
                  RetinaPoint at) const {
    switch (lesion.kind) {
      case LesionKind::hard_exudate:
        return mix(below, kExudate[c], 0.9F * inside);
      case LesionKind::soft_exudate:
        return mix(below, kCottonWool[c] * (1 + 0.06F * noise_.round(at.x * 4, at.y * 4)), 0.75F * inside);
      case LesionKind::preretinal_haemorrhage:
        return mix(below, kPooledBlood[c] * (1 + 0.12F * noise_.octaves(at.x, at.y)), 0.93F * inside);
      case LesionKind::microaneurysm:
        return below * std::exp(-kSpilledBlood[c] * 0.75F * inside);
      case LesionKind::haemorrhage:
        return below *
               std::exp(-kSpilledBlood[c] * inside * (0.8F + 0.25F * noise_.round(at.x * 3, at.y * 3)));
    }
    return below;
  }

  /// @param thousandths  of the disc's diameter
  void blur(double thousandths) {
    const double sigma = thousandths * 2e-3 * frame_.radius;
    if (sigma < 0.2) return;
    // Blurred within the disc: what lies outside is no light, not darkness.
    cv::Mat inside(picture_.size(), CV_32F, cv::Scalar(0));
    for (int y = 0; y < inside.rows; ++y) {
      for (int x = 0; x < inside.cols; ++x) inside.at<float>(y, x) = is_in_field(x, y) ? 1.0F : 0.0F;
    }
    cv::GaussianBlur(picture_, picture_, {}, sigma);
    cv::GaussianBlur(inside, inside, {}, sigma);
    for (int y = 0; y < picture_.rows; ++y) {
      auto* row = picture_.ptr<cv::Vec3f>(y);
      const auto* weight = inside.ptr<float>(y);
      for (int x = 0; x < picture_.cols; ++x) {
        row[x] = is_in_field(x, y) ? row[x] / weight[x] : cv::Vec3f::all(0);
      }
    }
  }

  /// The lamp: falling off, off centre; stray light, haze, and what hides a part.
  void light() {
    Random random(seed_, 31);
    const auto angle = random.uniform(0, 2 * std::numbers::pi);
    const double shift = domain_.uneven * random.uniform(0.5, 1);
    const PointD lamp{shift * std::cos(angle), shift * std::sin(angle)};
    const double strength = random.uniform(0.92, 1.08) * (1 - 0.88 * faults_.darkness);
    const double haze = std::min(0.92, domain_.haze * random.uniform(0.7, 1.3) + 0.85 * faults_.haze);
    const double rim_angle = random.uniform(0, 2 * std::numbers::pi);
    const double lid_angle = random.uniform(0, 2 * std::numbers::pi);
    const double lid = 1 - 2 * faults_.partial;  // in radii, along lid_angle
    for (int y = 0; y < picture_.rows; ++y) {
      auto* row = picture_.ptr<cv::Vec3f>(y);
      for (int x = 0; x < picture_.cols; ++x) {
        if (!is_in_field(x, y)) continue;
        const double dx = (x - frame_.centre.x) / frame_.radius;
        const double dy = (y - frame_.centre.y) / frame_.radius;
        const double off = std::hypot(dx - lamp.x, dy - lamp.y);
        const double out = std::hypot(dx, dy);
        double lamp_here = strength * (1 - domain_.falloff * std::pow(std::min(1.4, off), 2.2) / 1.2);
        if (faults_.partial > 0) {
          const double beyond = dx * std::cos(lid_angle) + dy * std::sin(lid_angle);
          lamp_here *= 1 - smooth_within(lid - 0.12, lid + 0.02, beyond);
        }
        const double towards = 0.5 + 0.5 * std::cos(std::atan2(dy, dx) - rim_angle);
        const double rim = domain_.rim * smooth_within(0.72, 1.0, out) * towards * towards;
        const float cloud =
            noise_.octaves(static_cast<float>(dx * 1.5) + 5, static_cast<float>(dy * 1.5) + 5);
        const double veil = haze * (0.75 + 0.25 * static_cast<double>(cloud));
        for (int c = 0; c < 3; ++c) {
          double value =
              static_cast<double>(row[x][c]) * domain_.colour[static_cast<std::size_t>(c)] * lamp_here;
          value =
              value * (1 - 0.8 * veil) + veil * strength * 0.62 * kStrayLight[static_cast<std::size_t>(c)];
          value = value * (1 - rim) + rim * strength * 0.8 * kStrayLight[static_cast<std::size_t>(c)];
          row[x][c] = static_cast<float>(std::max(0.0, value));
        }
      }
    }
    add_dust(random);
    add_flare(random);
  }

  void add_dust(Random& random) {
    for (std::int64_t i = 0; i < domain_.dust; ++i) {
      const double angle = random.uniform(0, 2 * std::numbers::pi);
      const double out = 0.9 * std::sqrt(random.uniform());
      const PointD at{frame_.centre.x + out * frame_.radius * std::cos(angle),
                      frame_.centre.y + out * frame_.radius * std::sin(angle)};
      const double size = frame_.radius * random.uniform(0.02, 0.045);
      const double strength = random.uniform(0.06, 0.14);  // pale and out of focus: unlike any lesion
      blood_[0].over(at.x - 3 * size, at.y - 3 * size, at.x + 3 * size, at.y + 3 * size,
                     [&](std::int64_t x, std::int64_t y) {
                       if (!is_in_field(x, y)) return;
                       const double off =
                           std::hypot(static_cast<double>(x) - at.x, static_cast<double>(y) - at.y) / size;
                       picture_.at<cv::Vec3f>(static_cast<int>(y), static_cast<int>(x)) *=
                           static_cast<float>(1 + strength * std::exp(-off * off));
                     });
    }
  }

  void add_flare(Random& random) {
    if (domain_.flare <= 0) return;
    const double angle = random.uniform(0, 2 * std::numbers::pi);
    const PointD at{frame_.centre.x + 0.75 * frame_.radius * std::cos(angle),
                    frame_.centre.y + 0.75 * frame_.radius * std::sin(angle)};
    const double size = frame_.radius * random.uniform(0.18, 0.3);
    blood_[0].over(at.x - 3 * size, at.y - 3 * size, at.x + 3 * size, at.y + 3 * size,
                   [&](std::int64_t x, std::int64_t y) {
                     if (!is_in_field(x, y)) return;
                     const double off =
                         std::hypot(static_cast<double>(x) - at.x, static_cast<double>(y) - at.y) / size;
                     const double glow = domain_.flare * 0.5 * std::exp(-off * off);
                     auto& here = picture_.at<cv::Vec3f>(static_cast<int>(y), static_cast<int>(x));
                     for (int c = 0; c < 3; ++c) here[c] += static_cast<float>(glow) * (c == 2 ? 0.9F : 0.8F);
                   });
  }

  /// Light to grey levels: the sensor's curve, its noise, the mask's soft edge, the notch.
  Image8 develop() const {
    Image8 result(frame_.width, frame_.height, 3);
    const auto seed = static_cast<std::uint32_t>(seed_ ^ (seed_ >> 32));
    const double notch_angle = -0.62;
    for (std::int64_t y = 0; y < frame_.height; ++y) {
      const auto* row = picture_.ptr<cv::Vec3f>(static_cast<int>(y));
      auto* out = result.row(y);
      for (std::int64_t x = 0; x < frame_.width; ++x) {
        const double dx = static_cast<double>(x) - frame_.centre.x;
        const double dy = static_cast<double>(y) - frame_.centre.y;
        const double distance = std::hypot(dx, dy);
        const double edge = std::clamp(frame_.radius + 0.5 - distance, 0.0, 1.0);
        const double along = dx * std::cos(notch_angle) + dy * std::sin(notch_angle);
        const double aside = -dx * std::sin(notch_angle) + dy * std::cos(notch_angle);
        const bool is_notch = domain_.has_notch && edge <= 0 && along > 0 &&
                              distance < 1.028 * frame_.radius && std::abs(aside) < 0.03 * frame_.radius;
        const cv::Vec3f light = is_notch ? notch_light() : row[x];
        for (int c = 0; c < 3; ++c) {
          double value = std::pow(std::max(0.0F, light[c]), static_cast<float>(domain_.gamma));
          if (value > 0.8) value = 0.8 + 0.2 * std::tanh((value - 0.8) / 0.2);  // highlights roll off
          value *= is_notch ? 0.8 : edge;
          const float noise = pixel_normal(static_cast<std::uint32_t>(x), static_cast<std::uint32_t>(y),
                                           seed + static_cast<std::uint32_t>(c) * 7919U);
          const double dark = edge > 0 ? 1.0 : 0.45;
          const double level = 255 * value + (1 - edge) * domain_.background +
                               dark * domain_.noise * static_cast<double>(noise);
          out[3 * x + c] = static_cast<std::uint8_t>(std::clamp(level + 0.5, 0.0, 255.0));
        }
      }
    }
    return result;
  }

  /// The colour at the rim beside the notch.
  cv::Vec3f notch_light() const {
    const double angle = -0.62;
    const int x = std::clamp(static_cast<int>(frame_.centre.x + 0.96 * frame_.radius * std::cos(angle)), 0,
                             picture_.cols - 1);
    const int y = std::clamp(static_cast<int>(frame_.centre.y + 0.96 * frame_.radius * std::sin(angle)), 0,
                             picture_.rows - 1);
    return picture_.at<cv::Vec3f>(y, x);
  }

  void add_border(Image8& photograph) const {
    if (domain_.border == FundusBorder::none) return;
    cv::Mat view(static_cast<int>(photograph.height()), static_cast<int>(photograph.width()), CV_8UC3,
                 photograph.data());
    const double font = 0.0011 * static_cast<double>(frame_.height);
    const int thickness = std::max(1, static_cast<int>(frame_.height / 500));
    const auto margin = static_cast<int>(0.055 * static_cast<double>(frame_.height));
    const std::string text = frame_.is_left_eye ? "OS synthetic" : "OD synthetic";
    if (domain_.border == FundusBorder::black_text) {
      cv::putText(view, text, {margin / 2, view.rows - margin / 2}, cv::FONT_HERSHEY_SIMPLEX, 0.7 * font,
                  {210, 210, 210}, thickness, cv::LINE_AA);
      return;
    }
    for (int y = 0; y < view.rows; ++y) {
      for (int x = 0; x < view.cols; ++x) {
        const bool is_border = x < margin || y < margin || x >= view.cols - margin || y >= view.rows - margin;
        if (is_border) view.at<cv::Vec3b>(y, x) = cv::Vec3b::all(255);
      }
    }
    cv::putText(view, text, {margin, static_cast<int>(0.75 * margin)}, cv::FONT_HERSHEY_SIMPLEX, font,
                {225, 25, 25}, thickness, cv::LINE_AA);
  }

  static float length(RetinaPoint at) { return std::hypot(at.x, at.y); }

  const RetinaLayout& retina_;
  const FundusFrame& frame_;
  const FundusDomain& domain_;
  const FundusFaults& faults_;
  std::uint64_t seed_;
  Noise noise_;
  cv::Mat picture_;             // light, R, G, B
  std::array<Layer, 2> blood_;  // of veins; of all other vessels
  std::map<std::string, Image8> truth_;
};

}  // namespace

PointD FundusFrame::to_pixels(RetinaPoint at) const {
  const double dx = static_cast<double>(at.x - view.centre.x) * px_per_degree();
  return {centre.x + (is_left_eye ? -dx : dx),
          centre.y + static_cast<double>(at.y - view.centre.y) * px_per_degree()};
}

RetinaPoint FundusFrame::to_retina(double x, double y) const {
  const double dx = (x - centre.x) / px_per_degree();
  return {view.centre.x + static_cast<float>(is_left_eye ? -dx : dx),
          view.centre.y + static_cast<float>((y - centre.y) / px_per_degree())};
}

PaintedFundus paint_fundus(const RetinaLayout& retina, const FundusFrame& frame, const FundusDomain& domain,
                           const FundusFaults& faults, std::uint64_t seed) {
  return FundusPainter(retina, frame, domain, faults, seed).paint();
}

}  // namespace imaging::detail
