#include "imaging/phantom/detail/fundus_layout.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace imaging::detail {
namespace {

constexpr float kPi = std::numbers::pi_v<float>;
constexpr float kStep = 0.2F;        // degrees along a vessel
constexpr float kThinnest = 0.05F;   // degrees
constexpr float kFurthest = 34;      // degrees from the fovea
constexpr float kFovealZone = 1.7F;  // radius without vessels
enum Stream : std::uint64_t { kAnatomy = 11, kTree = 12, kLesions = 13 };

enum class Course { arcade, nasal, to_macula, outward };

float length(RetinaPoint p) {
  return std::hypot(p.x, p.y);
}

float turn_between(float from, float to) {
  float turn = std::fmod(to - from, 2 * kPi);
  if (turn > kPi) turn -= 2 * kPi;
  if (turn < -kPi) turn += 2 * kPi;
  return turn;
}

float uniform(Random& random, double low, double high) {
  return static_cast<float>(random.uniform(low, high));
}

/// Grows vessels step by step: each course has a direction it tends to, and wanders about it.
class TreeGrower {
 public:
  TreeGrower(RetinaLayout& retina, std::uint64_t seed) : retina_(retina), random_(seed, kTree) {}

  void grow_all() {
    arcade_height_ = uniform(random_, 8.5, 10.5);
    for (const auto kind : {VesselKind::vein, VesselKind::artery}) {
      const bool is_vein = kind == VesselKind::vein;
      for (const float side : {-1.0F, 1.0F}) {
        const float width = (is_vein ? 0.52F : 0.40F) * uniform(random_, 0.9, 1.1);
        const RetinaPoint root{retina_.disc.x + uniform(random_, -0.1, 0.5) + (is_vein ? -0.15F : 0.15F),
                               retina_.disc.y + side * uniform(random_, 0.1, 0.5)};
        height_ = arcade_height_ + (is_vein ? 0.7F : -1.1F) + uniform(random_, -0.9, 0.9);
        grow(kind, root, side * uniform(random_, 1.45, 1.75), width, Course::arcade, 0);
        grow(kind, root, side * uniform(random_, 0.7, 1.15), 0.75F * width, Course::nasal, 0);
      }
      const int small = static_cast<int>(random_.index(3));
      for (int i = 0; i < small; ++i) {
        const RetinaPoint root{retina_.disc.x - uniform(random_, 0.1, 0.5),
                               retina_.disc.y + uniform(random_, -0.5, 0.5)};
        grow(kind, root, kPi + uniform(random_, -0.7, 0.7), uniform(random_, 0.11, 0.17), Course::to_macula,
             2);
        grow(kind, root, uniform(random_, -0.4, 0.4), uniform(random_, 0.12, 0.2), Course::nasal, 2);
      }
    }
  }

 private:
  void grow(VesselKind kind, RetinaPoint at, float heading, float width, Course course, int order) {
    RetinaVessel vessel{kind, {}};
    const float restless = (kind == VesselKind::vein ? 0.5F : 0.38F) * (order == 0 ? 0.7F : 1.5F);
    const float given_heading = heading;
    const float height = height_;
    float drift = 0;
    float to_branch = order == 0 ? uniform(random_, 3.2, 5) : uniform(random_, 1.5, 4.5);
    float side = random_.chance(0.5) ? 1.0F : -1.0F;
    const float lifetime = order == 0 ? 60.0F : uniform(random_, 3, 12) * (order == 1 ? 1.2F : 0.7F);
    for (float travelled = 0; travelled < lifetime; travelled += kStep) {
      vessel.path.push_back({at, width});
      if (width < kThinnest || length(at) > kFurthest) break;
      if (course == Course::to_macula && length(at) < kFovealZone * (1 + 0.5F * width)) break;
      drift = 0.9F * drift + 0.3F * static_cast<float>(random_.normal());
      const float wish = wanted(at, heading, course, given_heading, height);
      heading += kStep * (std::clamp(0.55F * turn_between(heading, wish), -0.35F, 0.35F) + restless * drift);
      at.x += kStep * std::cos(heading);
      at.y += kStep * std::sin(heading);
      width *= 1 - kStep * (order == 0 ? 0.012F : 0.03F);
      to_branch -= kStep;
      const bool has_left_disc =
          std::hypot(at.x - retina_.disc.x, at.y - retina_.disc.y) > 1.25F * retina_.disc_radius;
      if (to_branch > 0 || order >= 4 || width < 1.5F * kThinnest || !has_left_disc) continue;
      to_branch = uniform(random_, 1.8, 4.8) * (order == 0 ? 0.9F : 1.2F);
      side = random_.chance(0.75) ? -side : side;
      const float share = order == 0 ? uniform(random_, 0.32, 0.62) : uniform(random_, 0.5, 0.8);
      const float angle = side * uniform(random_, 0.5, 1.1);
      const RetinaPoint inner{-at.x, -at.y};
      const float new_heading = heading + angle;
      const bool is_inward = std::cos(turn_between(new_heading, std::atan2(inner.y, inner.x))) > 0.3F;
      const Course next =
          is_inward && length(at) < 14 && at.x < retina_.disc.x - 3 ? Course::to_macula : Course::outward;
      height_ = height;
      grow(kind, at, new_heading, share * width, next, order + 1);
      width = std::cbrt(std::max(0.1F, 1 - 0.6F * share * share * share)) * width;
      heading -= 0.15F * angle;
    }
    if (vessel.path.size() > 4) retina_.vessels.push_back(std::move(vessel));
  }

  /// The direction a course tends to at a place.
  float wanted(RetinaPoint at, float heading, Course course, float given_heading, float height) const {
    switch (course) {
      case Course::arcade: {  // along an ellipse about the macula, then on, slowly closing
        const float side = at.y < retina_.disc.y ? -1.0F : 1.0F;
        const float x = at.x / (retina_.disc.x + 0.8F);
        if (x < -0.1F) {
          const float off = std::abs(at.y) - height;
          return std::atan2(-side * std::clamp(0.12F * off + 0.1F, -0.5F, 0.5F), -1.0F);
        }
        const float y = at.y / height;
        const float level = std::hypot(x, y) - 1;
        const float tangent = std::atan2(side * std::max(0.0F, x) * height, -std::abs(y) * retina_.disc.x);
        const float inward = std::atan2(-at.y, -at.x);
        return tangent +
               std::clamp(2.2F * level, -0.8F, 0.8F) * (turn_between(tangent, inward) > 0 ? 1.0F : -1.0F);
      }
      case Course::nasal:
        return given_heading * 0.75F;
      case Course::to_macula:
        return std::atan2(-at.y, -at.x);
      case Course::outward: {
        const float away = std::atan2(at.y, at.x);
        return heading + 0.25F * turn_between(heading, away);
      }
    }
    return heading;
  }

  RetinaLayout& retina_;
  Random random_;
  float arcade_height_ = 9;
  float height_ = 9;
};

/// Scatters the lesions of one eye.
class LesionPlacer {
 public:
  LesionPlacer(RetinaLayout& retina, const RetinaView& view, std::uint64_t seed)
      : retina_(retina), view_(view), random_(seed, kLesions) {}

  void place(int grade) {
    if (grade == 0) return;
    if (grade == 1) return microaneurysms(count(3, 9));
    if (grade == 2) {
      microaneurysms(count(8, 24));
      for (int i = count(3, 15); i > 0; --i) haemorrhage(place_anywhere());
      if (random_.chance(0.7)) exudates(count(1, 4));
      if (random_.chance(0.35)) cotton_wool(count(1, 2));
      return;
    }
    const bool is_severe = grade == 3;
    // One of the three signs of 4-2-1 at least; the others as they come.
    const auto sign = random_.index(3);
    const bool has_many = is_severe ? sign == 0 || random_.chance(0.5) : random_.chance(0.3);
    microaneurysms(count(20, 50));
    for (int quadrant = 0; quadrant < 4; ++quadrant) {
      for (int i = has_many ? count(21, 28) : count(4, 10); i > 0; --i) haemorrhage(place_in(quadrant));
    }
    if (is_severe ? sign == 1 || random_.chance(0.4) : random_.chance(0.3)) bead_veins();
    if (is_severe ? sign == 2 || random_.chance(0.4) : random_.chance(0.3)) {
      for (int i = count(2, 4); i > 0; --i) irma(place_anywhere());
    }
    if (random_.chance(0.8)) exudates(count(2, 5));
    cotton_wool(count(1, 5));
    if (is_severe) return;
    const auto proliferation = random_.index(3);
    if (proliferation != 1) new_vessels_at_disc();
    if (proliferation != 0) {
      for (int i = count(1, 2); i > 0; --i) new_vessels(place_anywhere(), uniform(random_, 1.6, 2.8));
    }
    if (random_.chance(0.4)) preretinal_haemorrhage();
  }

 private:
  int count(int low, int high) { return low + static_cast<int>(random_.index(high - low + 1)); }

  bool is_free(RetinaPoint at) const {
    const float to_disc = std::hypot(at.x - retina_.disc.x, at.y - retina_.disc.y);
    return to_disc > 1.35F * retina_.disc_radius && length(at) > 0.9F;
  }

  RetinaPoint place_within(float low_angle, float high_angle) {
    for (int attempt = 0; attempt < 200; ++attempt) {
      const float angle = uniform(random_, low_angle, high_angle);
      const float radius = 0.86F * view_.radius * std::sqrt(uniform(random_, 0.01, 1));
      const float dy = radius * std::sin(angle);
      const RetinaPoint at{view_.centre.x + radius * std::cos(angle), view_.centre.y + dy};
      if (is_free(at) && std::abs(dy) < 0.9F * view_.half_height) return at;
    }
    return {view_.centre.x - 0.4F * view_.radius, view_.centre.y};
  }
  RetinaPoint place_anywhere() { return place_within(0, 2 * kPi); }
  /// Quadrants of the view.
  RetinaPoint place_in(int quadrant) {
    const float start = 0.5F * kPi * static_cast<float>(quadrant);
    return place_within(start + 0.05F, start + 0.5F * kPi - 0.05F);
  }

  void add(LesionKind kind, RetinaPoint at, float radius, float aspect, float angle, float wobble,
           float density) {
    retina_.lesions.push_back(
        {kind, at, radius, aspect, angle, wobble, density, static_cast<std::uint32_t>(random_() >> 32)});
  }

  void microaneurysms(int number) {
    for (int i = 0; i < number; ++i) {
      add(LesionKind::microaneurysm, place_anywhere(), uniform(random_, 0.09, 0.17), 1, 0, 0.12F,
          uniform(random_, 0.65, 1));
    }
  }

  void haemorrhage(RetinaPoint at) {
    const double draw = random_.uniform();
    if (draw < 0.5) {  // dot
      add(LesionKind::haemorrhage, at, uniform(random_, 0.18, 0.36), uniform(random_, 0.75, 1),
          uniform(random_, 0, kPi), 0.25F, uniform(random_, 0.7, 1));
    } else if (draw < 0.82) {  // blot
      add(LesionKind::haemorrhage, at, uniform(random_, 0.35, 0.85), uniform(random_, 0.55, 0.95),
          uniform(random_, 0, kPi), 0.8F, uniform(random_, 0.6, 1));
    } else {  // flame: along the nerve fibres, which come from the disc
      const float along =
          std::atan2(at.y - retina_.disc.y, at.x - retina_.disc.x) + uniform(random_, -0.3, 0.3);
      add(LesionKind::haemorrhage, at, uniform(random_, 0.7, 1.3), uniform(random_, 0.18, 0.3), along, 0.5F,
          uniform(random_, 0.55, 0.9));
    }
  }

  void exudates(int clusters) {
    for (int i = 0; i < clusters; ++i) {
      const auto centre = random_.chance(0.6) ? macular_place() : place_anywhere();
      const float spread = uniform(random_, 0.6, 2.6);
      const bool is_ring = random_.chance(0.4);
      for (int k = count(10, 60); k > 0; --k) {
        const float angle = uniform(random_, 0, 2 * kPi);
        const float radius = spread * (is_ring ? 1 + 0.18F * static_cast<float>(random_.normal())
                                               : std::abs(static_cast<float>(random_.normal())) * 0.6F);
        const RetinaPoint at{centre.x + radius * std::cos(angle), centre.y + radius * std::sin(angle)};
        const bool is_seen = std::hypot(at.x - view_.centre.x, at.y - view_.centre.y) < 0.9F * view_.radius;
        if (!is_free(at) || !is_seen) continue;
        const bool is_large = random_.chance(0.15);
        add(LesionKind::hard_exudate, at,
            is_large ? uniform(random_, 0.22, 0.45) : uniform(random_, 0.06, 0.2), uniform(random_, 0.6, 1),
            uniform(random_, 0, kPi), 0.75F, uniform(random_, 0.45, 1));
      }
    }
  }

  RetinaPoint macular_place() {
    for (int attempt = 0; attempt < 50; ++attempt) {
      const RetinaPoint at{uniform(random_, -6, 6), uniform(random_, -6, 6)};
      const bool is_seen = std::hypot(at.x - view_.centre.x, at.y - view_.centre.y) < 0.8F * view_.radius;
      if (is_free(at) && is_seen) return at;
    }
    return place_anywhere();
  }

  void cotton_wool(int number) {
    for (int i = 0; i < number; ++i) {
      add(LesionKind::soft_exudate, place_anywhere(), uniform(random_, 0.5, 1.0), uniform(random_, 0.55, 0.9),
          uniform(random_, 0, kPi), 0.35F, uniform(random_, 0.55, 0.9));
    }
  }

  /// Sausage-like veins in two quadrants or more: each main vein of the arcades.
  void bead_veins() {
    for (auto& vessel : retina_.vessels) {
      if (vessel.kind != VesselKind::vein || vessel.path.size() < 40 || vessel.path.front().width < 0.25F)
        continue;
      float phase = 0;
      for (auto& node : vessel.path) {
        phase += 2 * kPi * kStep / uniform(random_, 0.8, 1.7);
        const float stretch = std::max(0.0F, std::sin(phase * 0.11F + 1));  // beads come in stretches
        if (is_free(node.at)) node.width *= 1 + 0.36F * stretch * std::sin(phase);
      }
    }
  }

  void wander(VesselKind kind, RetinaPoint at, float heading, float width, int steps, float restless,
              float keep_near) {
    RetinaVessel vessel{kind, {}};
    const RetinaPoint home = at;
    float drift = 0;
    constexpr float kSmall = 0.08F;
    for (int i = 0; i < steps; ++i) {
      vessel.path.push_back({at, width});
      drift = 0.82F * drift + static_cast<float>(random_.normal());
      heading += kSmall * restless * drift;
      const float off = std::hypot(at.x - home.x, at.y - home.y);
      if (off > keep_near) heading += 0.5F * turn_between(heading, std::atan2(home.y - at.y, home.x - at.x));
      at.x += kSmall * std::cos(heading);
      at.y += kSmall * std::sin(heading);
    }
    retina_.vessels.push_back(std::move(vessel));
  }

  void irma(RetinaPoint at) {
    for (int i = count(3, 5); i > 0; --i) {
      wander(VesselKind::irma, {at.x + uniform(random_, -0.7, 0.7), at.y + uniform(random_, -0.7, 0.7)},
             uniform(random_, 0, 2 * kPi), uniform(random_, 0.09, 0.14), count(18, 34), 3.2F, 1.4F);
    }
  }

  void new_vessels(RetinaPoint at, float extent) {
    for (int i = count(14, 22); i > 0; --i) {
      wander(VesselKind::neovascular, at, uniform(random_, 0, 2 * kPi), uniform(random_, 0.08, 0.15),
             static_cast<int>(extent * uniform(random_, 16, 30)), 1.6F, extent);
    }
  }

  void new_vessels_at_disc() {
    const float angle = uniform(random_, 0, 2 * kPi);
    new_vessels({retina_.disc.x + 0.7F * retina_.disc_radius * std::cos(angle),
                 retina_.disc.y + 0.7F * retina_.disc_radius * std::sin(angle)},
                uniform(random_, 2.4, 3.6));
  }

  void preretinal_haemorrhage() {
    const auto at = place_anywhere();
    add(LesionKind::preretinal_haemorrhage, at, uniform(random_, 1.8, 3.6), uniform(random_, 0.5, 0.8), 0,
        0.12F, 1);
  }

  RetinaLayout& retina_;
  const RetinaView& view_;
  Random random_;
};

}  // namespace

RetinaLayout make_retina(std::uint64_t seed) {
  Random random(seed, kAnatomy);
  RetinaLayout retina{};
  retina.disc = {uniform(random, 14.6, 16.2), uniform(random, -2.4, -0.8)};
  retina.disc_radius = uniform(random, 2.55, 3.1);
  retina.disc_aspect = uniform(random, 1.02, 1.14);
  retina.cup_ratio = uniform(random, 0.28, 0.6);
  retina.cup = {retina.disc.x - uniform(random, 0.0, 0.35), retina.disc.y + uniform(random, -0.15, 0.15)};
  retina.pigment = uniform(random, 0.82, 1.15);
  retina.redness = uniform(random, -0.07, 0.07);
  retina.tessellation = uniform(random, 0.1, 1);
  TreeGrower(retina, seed).grow_all();
  return retina;
}

void add_lesions(RetinaLayout& retina, int grade, const RetinaView& view, std::uint64_t seed) {
  LesionPlacer(retina, view, seed).place(grade);
}

}  // namespace imaging::detail
