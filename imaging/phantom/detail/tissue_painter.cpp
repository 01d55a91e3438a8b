#include "imaging/phantom/detail/tissue_painter.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace imaging::detail {
namespace {

constexpr double kLatticeUm = 8;  // spacing at which the slow fields are computed; pixels lie between
constexpr double kMarginUm = 72;  // farthest that an object reaches from its own cell's centre
constexpr float kTwoPi = 2 * std::numbers::pi_v<float>;

// Each kind of object has its own stream of random numbers per cell.
enum class Kind : std::uint64_t {
  spindle = 11,
  lymphocyte,
  stray,
  gland,
  adipocyte,
  fat_nucleus,
  tumour,
  desmoplastic,
  vessel
};

struct Nucleus {
  float x, y;  // µm
  float a, b;  // half axes, µm
  float angle;
  float density;      // OD of haematoxylin
  float chromatin;    // relative contrast of the clumps
  float rim;          // extra density of the membrane
  float pallor;       // how much lighter the middle is
  float skew, lobes;  // departures from the ellipse
};

struct Gland {
  float x, y;
  float radius;
  float stretch, cosine, sine;
  float c2, s2, c3, s3;
  float epithelium;  // thickness, µm
  float goblet;      // share of cells with a mucous vacuole
  std::uint64_t number;
};

class Painter {
 public:
  Painter(const TissueLayout& layout, double mpp, std::int64_t left, std::int64_t top, SizeI size)
      : layout_(layout),
        noise_(layout.noise()),
        mpp_(static_cast<float>(mpp)),
        soft_(std::max(0.45F, 0.6F * static_cast<float>(mpp))),
        x0_((static_cast<double>(left) + 0.5) * mpp),
        y0_((static_cast<double>(top) + 0.5) * mpp),
        width_(size.width),
        height_(size.height) {
    block_.width = width_;
    block_.height = height_;
    block_.haematoxylin.assign(static_cast<std::size_t>(width_ * height_), 0.0F);
    block_.eosin.assign(block_.haematoxylin.size(), 0.0F);
    right_ = x0_ + static_cast<double>(width_ - 1) * mpp;
    bottom_ = y0_ + static_cast<double>(height_ - 1) * mpp;
    make_lattice();
  }

  StainBlock paint() {
    if (is_glass()) return std::move(block_);
    block_.is_glass = false;
    paint_ground();
    paint_stroma_cells();
    paint_vessels();
    paint_glands();
    paint_lymphocytes();
    paint_fat_nuclei();
    paint_tumour_cells();
    return std::move(block_);
  }

 private:
  [[nodiscard]] bool is_glass() const { return max_tissue_ <= -30; }

  void make_lattice() {
    first_column_ = static_cast<std::int64_t>(std::floor((x0_ - kMarginUm) / kLatticeUm));
    first_row_ = static_cast<std::int64_t>(std::floor((y0_ - kMarginUm) / kLatticeUm));
    columns_ = static_cast<std::int64_t>(std::ceil((right_ + kMarginUm) / kLatticeUm)) - first_column_ + 2;
    rows_ = static_cast<std::int64_t>(std::ceil((bottom_ + kMarginUm) / kLatticeUm)) - first_row_ + 2;
    lattice_.resize(static_cast<std::size_t>(columns_ * rows_));
    const auto place = [](std::int64_t node) {
      return static_cast<float>(static_cast<double>(node) * kLatticeUm);
    };
    Fields* to = lattice_.data();
    for (std::int64_t j = 0; j < rows_; ++j) {
      for (std::int64_t i = 0; i < columns_; ++i, ++to) {
        to->tissue = layout_.tissue_depth(place(first_column_ + i), place(first_row_ + j));
        max_tissue_ = std::max(max_tissue_, to->tissue);
      }
    }
    if (is_glass()) return;
    to = lattice_.data();
    for (std::int64_t j = 0; j < rows_; ++j) {
      for (std::int64_t i = 0; i < columns_; ++i, ++to) {
        layout_.complete(*to, place(first_column_ + i), place(first_row_ + j));
        max_tumour_ = std::max(max_tumour_, to->tumour);
        max_fat_ = std::max(max_fat_, to->fat);
        max_gland_ = std::max(max_gland_, to->gland);
        max_lymphocytes_ = std::max(max_lymphocytes_, to->lymphocytes);
      }
    }
  }

  static Fields blend(const Fields& p, const Fields& q, float t) {
    return {mix(p.tissue, q.tissue, t),
            mix(p.tumour, q.tumour, t),
            mix(p.fat, q.fat, t),
            mix(p.gland, q.gland, t),
            mix(p.lymphocytes, q.lymphocytes, t),
            mix(p.across, q.across, t),
            mix(p.along, q.along, t),
            mix(p.shade, q.shade, t)};
  }

  /// The fields at a point of the block or its margin.
  [[nodiscard]] Fields fields_near(double x, double y) const {
    const double u = x / kLatticeUm - static_cast<double>(first_column_);
    const double v = y / kLatticeUm - static_cast<double>(first_row_);
    const auto i = std::clamp<std::int64_t>(static_cast<std::int64_t>(u), 0, columns_ - 2);
    const auto j = std::clamp<std::int64_t>(static_cast<std::int64_t>(v), 0, rows_ - 2);
    const auto fx = static_cast<float>(u - static_cast<double>(i));
    const auto fy = static_cast<float>(v - static_cast<double>(j));
    const Fields* upper = lattice_.data() + j * columns_ + i;
    const Fields* lower = upper + columns_;
    return blend(blend(upper[0], upper[1], fx), blend(lower[0], lower[1], fx), fy);
  }

  /// Direction of the collagen at a point.
  [[nodiscard]] float fibre_angle(double x, double y) const {
    const Fields here = fields_near(x, y);
    const float gx = fields_near(x + 4, y).across - here.across;
    const float gy = fields_near(x, y + 4).across - here.across;
    return std::atan2(gx, -gy);
  }

  // ---- the ground: what lies between the cells ----

  void paint_ground() {
    std::vector<Fields> row(static_cast<std::size_t>(columns_));
    for (std::int64_t py = 0; py < height_; ++py) {
      const double y = y0_ + static_cast<double>(py) * static_cast<double>(mpp_);
      const double v = y / kLatticeUm - static_cast<double>(first_row_);
      const auto j = static_cast<std::int64_t>(v);
      const auto fy = static_cast<float>(v - static_cast<double>(j));
      const Fields* upper = lattice_.data() + j * columns_;
      for (std::int64_t i = 0; i < columns_; ++i) {
        row[static_cast<std::size_t>(i)] = blend(upper[i], upper[i + columns_], fy);
      }
      float* h = block_.haematoxylin.data() + py * width_;
      float* e = block_.eosin.data() + py * width_;
      for (std::int64_t px = 0; px < width_; ++px) {
        const double x = x0_ + static_cast<double>(px) * static_cast<double>(mpp_);
        const double u = x / kLatticeUm - static_cast<double>(first_column_);
        const auto i = static_cast<std::size_t>(u);
        const Fields fields = blend(row[i], row[i + 1], static_cast<float>(u - static_cast<double>(i)));
        if (fields.tissue < -12) continue;
        ground(static_cast<float>(x), static_cast<float>(y), fields, h[px], e[px]);
      }
    }
  }

  void ground(float x, float y, const Fields& f, float& h, float& e) const {
    // Noise is not asked for where it cannot change the result: it is 1 at most, `round` 1.4.
    float cover = 1;
    if (f.tissue < 12) {
      const float frayed = f.tissue + 6 * noise_(f.across / 5, f.along / 22) + 2 * noise_(x / 2.3F, y / 2.3F);
      cover = smooth_step(-0.5F, 3.5F, frayed);
      if (cover <= 0) return;
    }
    const float tumour = smooth_step(-6, 6, f.tumour);
    const float infiltrate = smooth_step(-6, 2, f.lymphocytes);
    float fat = (1 - tumour) * (1 - infiltrate);
    if (fat > 0 && f.fat < 22) {
      fat *= f.fat > -22 ? smooth_step(-2, 2, f.fat + 14 * noise_.round(x / 30, y / 30)) : 0.0F;
    }
    const float grain = noise_(x / 1.3F, y / 1.3F);
    if (tumour < 1) {
      if (fat < 1) stroma(x, y, f, grain, h, e);
      if (fat > 0) {
        float fat_h = 0;
        float fat_e = 0;
        adipose(x, y, fat_h, fat_e);
        h = mix(h, fat_h, fat);
        e = mix(e, fat_e, fat);
      }
    }
    if (tumour > 0) {
      float tumour_h = 0;
      float tumour_e = 0;
      malignant(x, y, f, grain, tumour_h, tumour_e);
      h = mix(h, tumour_h, tumour);
      e = mix(e, tumour_e, tumour);
    }
    const float thick = cover * f.shade * (1 + 0.25F * smooth_step(14, 2, f.tissue));
    h *= thick;
    e *= thick;
  }

  void stroma(float x, float y, const Fields& f, float grain, float& h, float& e) const {
    const float fine = noise_(f.across / 1.7F, f.along / 30);
    const float bundle = noise_(f.across / 8 + 31, f.along / 85);
    const float patch = noise_.round(x / 75 + 47, y / 75);
    // Bundles cut across lie as lumps between those cut along.
    const float cut_across = smooth_step(0.15F, 0.75F, noise_.round(x / 130 + 9, y / 130 + 57));
    const float lumps =
        cut_across > 0 ? noise_.round(x / 7.5F + 3, y / 7.5F) + 0.4F * noise_(x / 2.6F, y / 2.6F + 11) : 0.0F;
    // Looser and bluer around glands and lymphocytes, dense elsewhere.
    const float loose = std::max(smooth_step(-20, 40, f.gland), smooth_step(-30, 0, f.lymphocytes));
    const float streaks =
        noise_(f.across / 4.2F + 77, f.along / 42 + 13) + 0.5F * noise_(x / 2.7F + 7, y / 2.7F) * fine;
    const float cleft = mix(streaks, 0.75F * lumps, cut_across) + 0.22F * patch;
    const float density = 0.40F + 0.12F * bundle + 0.13F * mix(fine, lumps, cut_across) + 0.05F * grain +
                          0.07F * patch - 0.11F * loose;
    const float gap = smooth_step(0.36F - 0.08F * loose, 0.66F - 0.06F * loose, cleft + 0.12F * bundle);
    e = std::max(0.05F, density) * (1 - 0.90F * gap);
    h = (0.055F + 0.055F * loose + 0.03F * fine + 0.03F * grain) * (1 - 0.85F * gap);
  }

  /// Fat cells: a thin membrane between neighbours of a jittered lattice, white inside.
  void adipose(float x, float y, float& h, float& e) const {
    constexpr float kCell = 52;
    const float wx = x + 5 * noise_(x / 24 + 3, y / 24);
    const float wy = y + 5 * noise_(x / 24, y / 24 + 7);
    const auto column = static_cast<std::int64_t>(std::floor(static_cast<double>(wx / kCell)));
    const auto row = static_cast<std::int64_t>(std::floor(static_cast<double>(wy / kCell)));
    float nearest = 1e9F;
    float second = 1e9F;
    for (std::int64_t j = row - 1; j <= row + 1; ++j) {
      for (std::int64_t i = column - 1; i <= column + 1; ++i) {
        const std::uint64_t hash = cell_hash(Kind::adipocyte, i, j);
        const float cx =
            (static_cast<float>(i) + 0.12F + 0.76F * static_cast<float>(hash & 0xffff) / 65536.0F) * kCell;
        const float cy =
            (static_cast<float>(j) + 0.12F + 0.76F * static_cast<float>(hash >> 48) / 65536.0F) * kCell;
        const float d = (wx - cx) * (wx - cx) + (wy - cy) * (wy - cy);
        if (d < nearest) {
          second = nearest;
          nearest = d;
        } else {
          second = std::min(second, d);
        }
      }
    }
    // Zero on the bisector of the two nearest centres.
    const float wall = 0.5F * (std::sqrt(second) - std::sqrt(nearest));
    const float width = 0.25F + 0.35F * std::max(0.0F, noise_(x / 17, y / 17));
    const float membrane = 1 - smooth_step(width, width + 0.5F + soft_, wall);
    e = 0.012F + (0.26F + 0.08F * noise_(x / 7, y / 7)) * membrane;
    h = 0.008F + 0.05F * membrane;
  }

  void malignant(float x, float y, const Fields& f, float grain, float& h, float& e) const {
    const float nest = layout_.nest(x, y);
    const float lumen_level = layout_.lumen_level(x, y);
    stroma(x, y, f, grain, h, e);
    h += 0.03F;
    const float epithelium = smooth_step(-0.03F, 0.03F, nest);
    if (epithelium <= 0) return;
    const float cloud = noise_(x / 5.3F, y / 5.3F);
    const float lumen = smooth_step(lumen_level - 0.02F, lumen_level + 0.02F, nest);
    const float debris =
        smooth_step(0.25F, 0.95F, noise_.round(x / 6 + 9, y / 6) + 0.25F * noise_(x / 2.2F, y / 2.2F));
    const float cell_e = mix(0.34F + 0.07F * cloud + 0.05F * grain, 0.02F + 0.26F * debris, lumen);
    const float cell_h = mix(0.12F + 0.04F * cloud + 0.03F * grain, 0.01F + 0.12F * debris, lumen);
    h = mix(h, cell_h, epithelium);
    e = mix(e, cell_e, epithelium);
  }

  // ---- cells ----

  [[nodiscard]] std::uint64_t cell_hash(Kind kind, std::int64_t column, std::int64_t row) const {
    std::uint64_t z = layout_.seed() + static_cast<std::uint64_t>(kind) * 0xd1342543de82ef95ULL +
                      static_cast<std::uint64_t>(column) * 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL + static_cast<std::uint64_t>(row) * 0xc2b2ae3d27d4eb4fULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

  /// Calls `body(x, y, random)` with a place in each cell whose object may reach into the block, row by row.
  template <typename Body>
  void for_cells(Kind kind, double cell_um, double reach_um, double jitter, const Body& body) {
    const auto first = [&](double v) {
      return static_cast<std::int64_t>(std::floor((v - reach_um) / cell_um)) - 1;
    };
    const auto last = [&](double v) {
      return static_cast<std::int64_t>(std::floor((v + reach_um) / cell_um)) + 1;
    };
    for (std::int64_t j = first(y0_); j <= last(bottom_); ++j) {
      const double shift = (j & 1) != 0 ? 0.5 : 0.0;  // rows are staggered, so no columns show
      for (std::int64_t i = first(x0_); i <= last(right_); ++i) {
        Random random(cell_hash(kind, i, j));
        const double x = (static_cast<double>(i) + 0.5 + shift + random.uniform(-jitter, jitter)) * cell_um;
        const double y = (static_cast<double>(j) + 0.5 + random.uniform(-jitter, jitter)) * cell_um;
        if (x < x0_ - reach_um || x > right_ + reach_um || y < y0_ - reach_um || y > bottom_ + reach_um)
          continue;
        body(x, y, random);
      }
    }
  }

  void stamp(const Nucleus& n) {
    const float reach = std::max(n.a, n.b) * 1.35F + 2 * soft_;
    const auto left = std::max<std::int64_t>(
        0, static_cast<std::int64_t>(
               std::ceil((static_cast<double>(n.x - reach) - x0_) / static_cast<double>(mpp_))));
    const auto right = std::min<std::int64_t>(
        width_ - 1, static_cast<std::int64_t>(
                        std::floor((static_cast<double>(n.x + reach) - x0_) / static_cast<double>(mpp_))));
    const auto top = std::max<std::int64_t>(
        0, static_cast<std::int64_t>(
               std::ceil((static_cast<double>(n.y - reach) - y0_) / static_cast<double>(mpp_))));
    const auto bottom = std::min<std::int64_t>(
        height_ - 1, static_cast<std::int64_t>(
                         std::floor((static_cast<double>(n.y + reach) - y0_) / static_cast<double>(mpp_))));
    const float c = std::cos(n.angle);
    const float s = std::sin(n.angle);
    const float small = std::min(n.a, n.b);
    const float blur = soft_ / small;
    for (std::int64_t py = top; py <= bottom; ++py) {
      const auto y = static_cast<float>(y0_ + static_cast<double>(py) * static_cast<double>(mpp_));
      float* h = block_.haematoxylin.data() + py * width_;
      float* e = block_.eosin.data() + py * width_;
      for (std::int64_t px = left; px <= right; ++px) {
        const auto x = static_cast<float>(x0_ + static_cast<double>(px) * static_cast<double>(mpp_));
        const float dx = x - n.x;
        const float dy = y - n.y;
        const float u = (dx * c + dy * s) / n.a;
        const float v = (dy * c - dx * s) / n.b;
        const float r2 = u * u + v * v;
        if (r2 > 2.2F) continue;
        const float r = std::sqrt(r2) + n.skew * u * v + n.lobes * (u * u * u - 3 * u * v * v);
        if (r > 1 + blur) continue;
        const float cover = 1 - smooth_step(1 - blur, 1 + blur, r);
        const float clump = noise_(x / 1.05F + n.angle, y / 1.05F) * 0.6F + noise_(x / 2.4F, y / 2.4F + n.a);
        const float value = n.density * (1 + n.chromatin * clump + n.rim * smooth_step(0.55F, 0.95F, r) -
                                         n.pallor * (1 - r2));
        // Nuclei that lie on one another add up a little.
        const float below = h[px];
        h[px] = mix(below, std::max(value, 0.15F) + 0.15F * std::max(0.0F, below - 0.35F), cover);
        e[px] = mix(e[px], 0.20F, 0.7F * cover);
      }
    }
  }

  void paint_stroma_cells() {
    for_cells(Kind::spindle, 15, 14, 0.48, [&](double x, double y, Random& random) {
      const Fields f = fields_near(x, y);
      if (f.tissue < 4 || f.tumour > -2 || f.fat > 2 || f.lymphocytes > 4) return;
      // Some of the stroma is rich in cells.
      const double rich =
          0.4 *
          static_cast<double>(smooth_step(
              0.1F, 0.6F, noise_.round(static_cast<float>(x) / 210 + 71, static_cast<float>(y) / 210 + 15)));
      if (!random.chance((f.gland > 0 ? 0.42 : 0.28) + rich)) return;
      stamp(spindle(x, y, random));
    });
    for_cells(Kind::stray, 11, 8, 0.48, [&](double x, double y, Random& random) {
      const Fields f = fields_near(x, y);
      if (f.tissue < 6 || f.fat > 0) return;
      const double near_cluster = 0.30 * static_cast<double>(smooth_step(-90, 0, f.lymphocytes));
      const double inflamed =
          0.55 *
          static_cast<double>(smooth_step(
              0.25F, 0.8F, noise_.round(static_cast<float>(x) / 260 + 33, static_cast<float>(y) / 260 + 87)));
      const double near_gland = 0.10 * static_cast<double>(smooth_step(-10, 40, f.gland));
      if (!random.chance(0.008 + near_cluster + near_gland + inflamed)) return;
      if (f.tumour > 0 && layout_.nest(static_cast<float>(x), static_cast<float>(y)) > 0) return;
      stamp(lymphocyte(x, y, random));
    });
  }

  [[nodiscard]] Nucleus spindle(double x, double y, Random& random) const {
    const bool is_plump = random.chance(0.25);
    return {.x = static_cast<float>(x),
            .y = static_cast<float>(y),
            .a = static_cast<float>(random.uniform(4.5, 8.5)),
            .b = static_cast<float>(is_plump ? random.uniform(1.8, 2.6) : random.uniform(1.0, 1.7)),
            .angle = fibre_angle(x, y) + static_cast<float>(random.normal(0, 0.16)),
            .density = static_cast<float>(random.uniform(0.6, 0.95)),
            .chromatin = 0.14F,
            .rim = 0.05F,
            .pallor = is_plump ? 0.2F : 0.0F,
            .skew = static_cast<float>(random.uniform(-0.12, 0.12)),
            .lobes = static_cast<float>(random.uniform(-0.06, 0.06))};
  }

  [[nodiscard]] static Nucleus lymphocyte(double x, double y, Random& random) {
    const auto radius = static_cast<float>(random.uniform(2.3, 3.3));
    return {.x = static_cast<float>(x),
            .y = static_cast<float>(y),
            .a = radius * 1.06F,
            .b = radius * 0.96F,
            .angle = static_cast<float>(random.uniform(0, 6.28)),
            .density = static_cast<float>(random.uniform(0.85, 1.2)),
            .chromatin = 0.20F,
            .rim = 0.08F,
            .pallor = 0,
            .skew = 0,
            .lobes = static_cast<float>(random.uniform(-0.03, 0.03))};
  }

  void paint_lymphocytes() {
    if (max_lymphocytes_ < -2) return;
    for_cells(Kind::lymphocyte, 6.6, 6, 0.40, [&](double x, double y, Random& random) {
      const Fields f = fields_near(x, y);
      if (f.lymphocytes < static_cast<float>(random.uniform(-8, 10)) || f.tissue < 4 || f.tumour > -2) return;
      if (!random.chance(0.90)) return;
      stamp(lymphocyte(x, y, random));
    });
  }

  void paint_fat_nuclei() {
    if (max_fat_ < 0) return;
    for_cells(Kind::fat_nucleus, 23, 8, 0.5, [&](double x, double y, Random& random) {
      const Fields f = fields_near(x, y);
      if (f.fat < 4 || f.tissue < 6 || f.tumour > 0 || f.lymphocytes > 0) return;
      float h = 0;
      float e = 0;
      adipose(static_cast<float>(x), static_cast<float>(y), h, e);
      if (e < 0.15F || !random.chance(0.6)) return;
      stamp(spindle(x, y, random));
    });
  }

  void paint_tumour_cells() {
    if (max_tumour_ < -2) return;
    for_cells(Kind::desmoplastic, 12, 14, 0.48, [&](double x, double y, Random& random) {
      const Fields f = fields_near(x, y);
      if (f.tissue < 4 || f.tumour < -2) return;
      if (layout_.nest(static_cast<float>(x), static_cast<float>(y)) > -0.06F || !random.chance(0.45)) return;
      stamp(spindle(x, y, random));
    });
    for_cells(Kind::tumour, 9.8, 14, 0.42, [&](double x, double y, Random& random) {
      const Fields f = fields_near(x, y);
      if (f.tissue < 4 || f.tumour < 0) return;
      const float nest = layout_.nest(static_cast<float>(x), static_cast<float>(y));
      const float level = layout_.lumen_level(static_cast<float>(x), static_cast<float>(y));
      if (nest < 0.03F || nest > level - 0.02F || !random.chance(0.92)) return;
      const double size = 3.9 * std::exp(random.normal(0, 0.24));
      const double shape = random.uniform(1.0, 1.75);
      const bool is_dark = random.chance(0.28);
      stamp({.x = static_cast<float>(x),
             .y = static_cast<float>(y),
             .a = static_cast<float>(std::min(9.0, size * std::sqrt(shape))),
             .b = static_cast<float>(std::min(7.0, size / std::sqrt(shape))),
             .angle = static_cast<float>(random.uniform(0, 6.28)),
             .density = static_cast<float>(is_dark ? random.uniform(0.85, 1.2) : random.uniform(0.45, 0.8)),
             .chromatin = static_cast<float>(random.uniform(0.18, 0.38)),
             .rim = is_dark ? 0.05F : 0.30F,
             .pallor = is_dark ? 0.0F : 0.18F,
             .skew = static_cast<float>(random.uniform(-0.22, 0.22)),
             .lobes = static_cast<float>(random.uniform(-0.12, 0.12))});
    });
  }

  // ---- glands and vessels ----

  void paint_glands() {
    if (max_gland_ < 0) return;
    for_cells(Kind::gland, 84, 58, 0.18, [&](double x, double y, Random& random) {
      const Fields f = fields_near(x, y);
      const double radius = random.uniform(24, 41);
      if (f.gland < 10 || f.tissue < static_cast<float>(radius) + 12 ||
          f.tumour > -static_cast<float>(radius) - 8 || f.fat > -8 || f.lymphocytes > -10) {
        return;
      }
      const double angle = random.uniform(0, std::numbers::pi);
      paint_gland({.x = static_cast<float>(x),
                   .y = static_cast<float>(y),
                   .radius = static_cast<float>(radius),
                   .stretch = static_cast<float>(random.uniform(0.84, 1.20)),
                   .cosine = static_cast<float>(std::cos(angle)),
                   .sine = static_cast<float>(std::sin(angle)),
                   .c2 = static_cast<float>(random.uniform(-0.07, 0.07)),
                   .s2 = static_cast<float>(random.uniform(-0.07, 0.07)),
                   .c3 = static_cast<float>(random.uniform(-0.05, 0.05)),
                   .s3 = static_cast<float>(random.uniform(-0.05, 0.05)),
                   .epithelium = static_cast<float>(std::min(random.uniform(14, 23), radius * 0.66)),
                   .goblet = static_cast<float>(std::max(0.0, random.uniform(-0.5, 0.7))),
                   .number = random()},
                  random);
    });
  }

  /// Border radius in the direction (c, s) of the gland's own frame.
  [[nodiscard]] static float gland_border(const Gland& g, float c, float s) {
    const float c2 = c * c - s * s;
    const float s2 = 2 * c * s;
    return g.radius * (1 + g.c2 * c2 + g.s2 * s2 + g.c3 * (c2 * c - s2 * s) + g.s3 * (s2 * c + c2 * s));
  }

  void paint_gland(const Gland& g, Random& random) {
    const auto cells = static_cast<int>(kTwoPi * g.radius / 6.0F);
    const float reach = g.radius * 1.45F;
    const auto to_pixel = [&](double v, double origin) { return (v - origin) / static_cast<double>(mpp_); };
    const auto left =
        std::max<std::int64_t>(0, static_cast<std::int64_t>(to_pixel(static_cast<double>(g.x - reach), x0_)));
    const auto right = std::min<std::int64_t>(
        width_ - 1, static_cast<std::int64_t>(to_pixel(static_cast<double>(g.x + reach), x0_)));
    const auto top =
        std::max<std::int64_t>(0, static_cast<std::int64_t>(to_pixel(static_cast<double>(g.y - reach), y0_)));
    const auto bottom = std::min<std::int64_t>(
        height_ - 1, static_cast<std::int64_t>(to_pixel(static_cast<double>(g.y + reach), y0_)));
    for (std::int64_t py = top; py <= bottom; ++py) {
      const auto y = static_cast<float>(y0_ + static_cast<double>(py) * static_cast<double>(mpp_));
      for (std::int64_t px = left; px <= right; ++px) {
        const auto x = static_cast<float>(x0_ + static_cast<double>(px) * static_cast<double>(mpp_));
        const float dx = x - g.x;
        const float dy = y - g.y;
        const float u = (dx * g.cosine + dy * g.sine) * g.stretch;
        const float v = (dy * g.cosine - dx * g.sine) / g.stretch;
        const float r = std::sqrt(u * u + v * v);
        if (r > g.radius * 1.35F) continue;
        const float c = r > 1e-3F ? u / r : 1;
        const float s = r > 1e-3F ? v / r : 0;
        const float depth = gland_border(g, c, s) - r + 0.8F * noise_(x / 6, y / 6);
        if (depth < -5) continue;
        float& h = block_.haematoxylin[static_cast<std::size_t>(py * width_ + px)];
        float& e = block_.eosin[static_cast<std::size_t>(py * width_ + px)];
        const float grain = noise_(x / 1.3F, y / 1.3F);
        // Outside in: a pale halo, the basement membrane, basal then apical cytoplasm, the lumen.
        const float halo = smooth_step(-5, -3, depth) * (1 - smooth_step(-2.2F, -1.2F, depth));
        h *= 1 - 0.5F * halo;
        e *= 1 - 0.5F * halo;
        const float membrane = smooth_step(-1.8F, -0.9F, depth) * (1 - smooth_step(-0.1F, 0.7F, depth));
        const float inside = smooth_step(-0.6F, 0.6F, depth);
        const float apical = smooth_step(6, g.epithelium, depth);
        float cell_h = mix(0.20F, 0.09F, apical) + 0.03F * grain;
        float cell_e = mix(0.36F, 0.30F, apical) + 0.05F * grain;
        if (g.goblet > 0 && depth > 6 && depth < g.epithelium + 1) {
          const float turn = (std::atan2(s, c) / kTwoPi + 0.5F) * static_cast<float>(cells);
          const auto cell = static_cast<std::uint64_t>(turn);
          const std::uint64_t dice = (g.number ^ (cell / 2 * 0x9e3779b97f4a7c15ULL)) * 0xbf58476d1ce4e5b9ULL;
          if (static_cast<float>(dice >> 40) < g.goblet * 16777216.0F) {
            const float wide =
                (turn * 0.5F - static_cast<float>(cell / 2) - 0.5F) * 2;  // -1 to 1 over two cells
            const float deep = (depth - 0.5F * (g.epithelium + 8)) / (0.5F * (g.epithelium - 6));
            const float mucus = 1 - smooth_step(0.55F, 0.95F, std::sqrt(wide * wide + deep * deep));
            cell_h = mix(cell_h, 0.07F, mucus);
            cell_e = mix(cell_e, 0.06F, mucus);
          }
        }
        const float lumen = smooth_step(g.epithelium - 0.7F, g.epithelium + 0.7F, depth);
        const float secretion =
            smooth_step(0.0F, 1.0F, noise_.round(x / 17 + 3, y / 17) + 0.3F * noise_(x / 3.7F, y / 3.7F));
        const float brush = smooth_step(g.epithelium - 2, g.epithelium - 0.8F, depth) * (1 - lumen);
        cell_h = mix(cell_h, 0.02F + 0.05F * secretion, lumen);
        cell_e = mix(cell_e + 0.12F * brush, 0.03F + 0.15F * secretion, lumen);
        h = mix(mix(h, 0.16F, membrane), cell_h, inside);
        e = mix(mix(e, 0.52F, membrane), cell_e, inside);
      }
    }
    for (int i = 0; i < cells; ++i) {
      const float turn = (static_cast<float>(i) + 0.5F + static_cast<float>(random.uniform(-0.2, 0.2))) /
                         static_cast<float>(cells);
      const float theta = turn * kTwoPi - std::numbers::pi_v<float>;
      const float c = std::cos(theta);
      const float s = std::sin(theta);
      const float r = gland_border(g, c, s) - static_cast<float>(random.uniform(4.6, 6.2));
      const float u = c * r / g.stretch;
      const float v = s * r * g.stretch;
      const float dx = u * g.cosine - v * g.sine;
      const float dy = u * g.sine + v * g.cosine;
      stamp({.x = g.x + dx,
             .y = g.y + dy,
             .a = static_cast<float>(random.uniform(3.4, 4.4)),
             .b = static_cast<float>(random.uniform(2.2, 2.8)),
             .angle = std::atan2(dy, dx),
             .density = static_cast<float>(random.uniform(0.65, 0.95)),
             .chromatin = 0.16F,
             .rim = 0.18F,
             .pallor = 0.10F,
             .skew = static_cast<float>(random.uniform(-0.06, 0.06)),
             .lobes = static_cast<float>(random.uniform(-0.05, 0.05))});
    }
  }

  /// Small vessels: a lumen with red cells, a thin wall, flat endothelial nuclei.
  void paint_vessels() {
    for_cells(Kind::vessel, 170, 34, 0.45, [&](double x, double y, Random& random) {
      const Fields f = fields_near(x, y);
      if (!random.chance(0.42) || f.tissue < 40 || f.tumour > -40 || f.fat > -10 || f.gland > -10) return;
      const auto radius = static_cast<float>(random.uniform(6, 17));
      const auto stretch = static_cast<float>(random.uniform(0.75, 1.35));
      const float angle = fibre_angle(x, y);
      const float c = std::cos(angle);
      const float s = std::sin(angle);
      const bool has_blood = random.chance(0.75);
      const float wall = 1.6F + 0.12F * radius;
      for (std::int64_t py = 0; py < height_; ++py) {
        const auto dy = static_cast<float>(y0_ + static_cast<double>(py) * static_cast<double>(mpp_) - y);
        if (std::abs(dy) > 30) continue;
        for (std::int64_t px = 0; px < width_; ++px) {
          const auto dx = static_cast<float>(x0_ + static_cast<double>(px) * static_cast<double>(mpp_) - x);
          if (std::abs(dx) > 30) continue;
          const auto gx = static_cast<float>(x) + dx;
          const auto gy = static_cast<float>(y) + dy;
          const float u = (dx * c + dy * s) / stretch;
          const float v = (dy * c - dx * s) * stretch;
          const float depth = radius - std::sqrt(u * u + v * v) + 1.5F * noise_(gx / 8, gy / 8);
          const float inside = smooth_step(-0.7F, 0.7F, depth);
          if (inside <= 0) continue;
          float& h = block_.haematoxylin[static_cast<std::size_t>(py * width_ + px)];
          float& e = block_.eosin[static_cast<std::size_t>(py * width_ + px)];
          const float lumen = smooth_step(wall - 0.6F, wall + 0.6F, depth);
          const float cells =
              has_blood ? smooth_step(-0.12F, 0.12F, noise_(gx / 4.4F, gy / 4.4F) + 0.1F) : 0.0F;
          h = mix(h, mix(0.16F, 0.02F + 0.03F * cells, lumen), inside);
          e = mix(e, mix(0.62F, 0.03F + 0.95F * cells, lumen), inside);
        }
      }
      const int cells = static_cast<int>(radius * 0.55F) + 2;
      for (int i = 0; i < cells; ++i) {
        const double theta = (i + random.uniform(-0.3, 0.3)) / cells * 2 * std::numbers::pi;
        const float u = std::cos(static_cast<float>(theta)) * (radius - 1.2F) * stretch;
        const float v = std::sin(static_cast<float>(theta)) * (radius - 1.2F) / stretch;
        Nucleus nucleus = spindle(x, y, random);
        nucleus.x += u * c - v * s;
        nucleus.y += u * s + v * c;
        nucleus.a = 3.6F;
        nucleus.b = 1.3F;
        nucleus.angle = std::atan2(u * s + v * c, u * c - v * s) + 0.5F * std::numbers::pi_v<float>;
        stamp(nucleus);
      }
    });
  }

  const TissueLayout& layout_;
  const Noise& noise_;
  float mpp_;
  float soft_;             // half the width of a nucleus' edge, µm
  double x0_, y0_;         // centre of the first pixel, µm
  double right_, bottom_;  // centre of the last pixel, µm
  std::int64_t width_, height_;
  std::int64_t first_column_ = 0, first_row_ = 0, columns_ = 0, rows_ = 0;
  std::vector<Fields> lattice_;
  float max_tissue_ = -1e6F, max_tumour_ = -1e6F, max_fat_ = -1e6F, max_gland_ = -1e6F,
        max_lymphocytes_ = -1e6F;
  StainBlock block_;
};

}  // namespace

StainBlock paint_tissue(const TissueLayout& layout, double mpp, std::int64_t left, std::int64_t top,
                        SizeI size) {
  return Painter(layout, mpp, left, top, size).paint();
}

}  // namespace imaging::detail
