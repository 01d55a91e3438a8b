#include "imaging/phantom/detail/tissue_layout.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

namespace imaging::detail {
namespace {

constexpr float kNowhere = -1e6F;
constexpr double kClusterCellUm = 520;  // at most one lymphocyte cluster in each
constexpr int kMeasureSide = 160;

}  // namespace

float TissueLayout::Star::depth(float px, float py, float scale) const {
  const float u = (px - x) / radius_x;
  const float v = (py - y) / radius_y;
  const float r = std::sqrt(u * u + v * v);
  if (r > 2.5F * scale + 1.0F) return kNowhere;
  const float c = r > 1e-6F ? u / r : 1;
  const float s = r > 1e-6F ? v / r : 0;
  float border = 1;
  float ck = c;
  float sk = s;
  for (std::size_t k = 0; k < cosines.size(); ++k) {
    const float next = ck * c - sk * s;
    sk = sk * c + ck * s;
    ck = next;
    border += cosines[k] * ck + sines[k] * sk;
  }
  return (scale * border - r) * std::min(radius_x, radius_y);
}

TissueLayout::Star TissueLayout::make_star(Random& random, double x, double y, double rx, double ry,
                                           double wobble) {
  Star star{
      static_cast<float>(x), static_cast<float>(y), static_cast<float>(rx), static_cast<float>(ry), {}, {}};
  for (std::size_t k = 0; k < star.cosines.size(); ++k) {
    const double size = wobble / std::sqrt(static_cast<double>(k + 1));
    star.cosines[k] = static_cast<float>(random.uniform(-size, size));
    star.sines[k] = static_cast<float>(random.uniform(-size, size));
  }
  return star;
}

TissueLayout::TissueLayout(double width_um, double height_um, std::uint64_t seed, double margin,
                           double tumour_fraction, std::int64_t tumour_regions)
    : width_(width_um), height_(height_um), margin_(margin), seed_(seed), noise_(seed) {
  Random random(seed, /*stream=*/1);
  const double angle = random.uniform(0, 2 * std::numbers::pi);
  fibre_cos_ = static_cast<float>(std::cos(angle));
  fibre_sin_ = static_cast<float>(std::sin(angle));

  const bool is_wide = width_ >= height_;
  const double start = (is_wide ? width_ : height_) * margin;
  const double start_across = (is_wide ? height_ : width_) * margin;
  const double longer = std::max(width_, height_) * (1 - 2 * margin);
  const double shorter = std::min(width_, height_) * (1 - 2 * margin);
  const std::int64_t most = std::clamp<std::int64_t>(static_cast<std::int64_t>(longer / shorter * 1.6), 1, 3);
  const std::int64_t count = 1 + random.index(most);
  for (std::int64_t i = 0; i < count; ++i) {
    const double share = longer / static_cast<double>(count);
    const double centre = start + (static_cast<double>(i) + random.uniform(0.47, 0.53)) * share;
    const double across = start_across + shorter * random.uniform(0.46, 0.54);
    const double radius = share * random.uniform(0.38, 0.45);
    const double radius_across = shorter * random.uniform(0.34, 0.43);
    pieces_.push_back(is_wide ? make_star(random, centre, across, radius, radius_across, 0.09)
                              : make_star(random, across, centre, radius_across, radius, 0.09));
  }
  if (tumour_fraction <= 0) return;

  Random tumour_random(seed, /*stream=*/2);
  for (std::int64_t i = 0; i < tumour_regions; ++i) {
    const Star& piece = pieces_[static_cast<std::size_t>(tumour_random.index(count))];
    const double distance = 0.7 * std::sqrt(tumour_random.uniform());
    const double direction = tumour_random.uniform(0, 2 * std::numbers::pi);
    const double radius = shorter * tumour_random.uniform(0.6, 1.4) * 0.3;
    tumours_.push_back(make_star(
        tumour_random,
        static_cast<double>(piece.x) + distance * std::cos(direction) * static_cast<double>(piece.radius_x),
        static_cast<double>(piece.y) + distance * std::sin(direction) * static_cast<double>(piece.radius_y),
        radius * tumour_random.uniform(0.8, 1.25), radius, 0.14));
  }
  // The extent asked for decides the size: the share grows with the scale.
  double low = 0.05;
  double high = 8;
  for (int step = 0; step < 18; ++step) {
    const double middle = std::sqrt(low * high);
    tumour_scale_ = static_cast<float>(middle);
    (measure_tumour() < tumour_fraction ? low : high) = middle;
  }
  tumour_scale_ = static_cast<float>(std::sqrt(low * high));
  tumour_fraction_ = measure_tumour();
}

double TissueLayout::measure_tumour() const {
  std::int64_t tissue = 0;
  std::int64_t tumour = 0;
  for (int j = 0; j < kMeasureSide; ++j) {
    for (int i = 0; i < kMeasureSide; ++i) {
      const auto x = static_cast<float>((i + 0.5) / kMeasureSide * width_);
      const auto y = static_cast<float>((j + 0.5) / kMeasureSide * height_);
      if (tissue_depth(x, y) <= 0) continue;
      ++tissue;
      tumour += tumour_depth(x, y) > 0;
    }
  }
  return tissue == 0 ? 0.0 : static_cast<double>(tumour) / static_cast<double>(tissue);
}

float TissueLayout::tissue_depth(float x, float y) const {
  float depth = kNowhere;
  for (const Star& piece : pieces_) depth = std::max(depth, piece.depth(x, y, 1));
  if (margin_ > 0) {
    // The noise adds 100 at most.
    const auto width = static_cast<float>(width_);
    const auto height = static_cast<float>(height_);
    const auto inset_x = static_cast<float>(margin_) * width + 100;
    const auto inset_y = static_cast<float>(margin_) * height + 100;
    depth = std::min({depth, x - inset_x, width - inset_x - x, y - inset_y, height - inset_y - y});
  }
  if (depth < -200) return depth;
  return depth + 85 * noise_.octaves(x / 280, y / 280) + 9 * noise_(x / 23, y / 23);
}

float TissueLayout::tumour_depth(float x, float y) const {
  float depth = kNowhere;
  for (const Star& tumour : tumours_) depth = std::max(depth, tumour.depth(x, y, tumour_scale_));
  if (depth < -300) return depth;
  return depth + 70 * noise_.octaves(x / 210 + 91, y / 210) + 14 * noise_(x / 40, y / 40 + 13);
}

float TissueLayout::lymphocyte_depth(float x, float y) const {
  const auto column = static_cast<std::int64_t>(std::floor(static_cast<double>(x) / kClusterCellUm));
  const auto row = static_cast<std::int64_t>(std::floor(static_cast<double>(y) / kClusterCellUm));
  float depth = kNowhere;
  for (std::int64_t j = row - 1; j <= row + 1; ++j) {
    for (std::int64_t i = column - 1; i <= column + 1; ++i) {
      Random random(seed_ ^ static_cast<std::uint64_t>(i * 0x9e3779b1LL),
                    static_cast<std::uint64_t>(j) * 2654435761U + 5);
      if (!random.chance(0.65)) continue;
      const auto cx = static_cast<float>((static_cast<double>(i) + random.uniform()) * kClusterCellUm);
      const auto cy = static_cast<float>((static_cast<double>(j) + random.uniform()) * kClusterCellUm);
      const auto radius = static_cast<float>(random.uniform(45, 140));
      const auto stretch = static_cast<float>(random.uniform(0.7, 1.4));
      const float dx = (x - cx) * stretch;
      const float dy = (y - cy) / stretch;
      depth = std::max(depth, radius - std::sqrt(dx * dx + dy * dy));
    }
  }
  if (depth < -60) return depth;
  return depth + 26 * noise_.octaves(x / 55 + 7, y / 55 + 3);
}

Fields TissueLayout::fields_at(float x, float y) const {
  Fields fields{};
  fields.tissue = tissue_depth(x, y);
  complete(fields, x, y);
  return fields;
}

void TissueLayout::complete(Fields& fields, float x, float y) const {
  fields.tumour = tumours_.empty() ? kNowhere : tumour_depth(x, y);
  fields.fat = 420 * (noise_.octaves(x / 430 + 41, y / 430 + 17) - 0.30F);
  fields.gland = 300 * (noise_.octaves(x / 380 + 11, y / 380 + 53) + 0.02F);
  fields.lymphocytes = lymphocyte_depth(x, y);
  const float u = x * fibre_cos_ + y * fibre_sin_;
  const float v = -x * fibre_sin_ + y * fibre_cos_;
  fields.across = v + 95 * noise_.octaves(u / 240 + 3, v / 240 + 29) + 7 * noise_(x / 31, y / 31);
  fields.along = u + 80 * noise_.octaves(u / 260 + 67, v / 260 + 7);
  fields.shade = 1 + 0.10F * noise_.octaves(x / 700 + 23, y / 700 + 37);
}

TissueClass TissueLayout::classify(const Fields& fields) {
  if (fields.tissue <= 0) return TissueClass::background;
  if (fields.tumour > 0) return TissueClass::tumour;
  if (fields.lymphocytes > 0) return TissueClass::lymphocytes;
  if (fields.fat > 0) return TissueClass::fat;
  if (fields.gland > 0) return TissueClass::gland;
  return TissueClass::stroma;
}

TissueClass TissueLayout::class_at(float x, float y) const {
  if (x < 0 || y < 0 || x >= static_cast<float>(width_) || y >= static_cast<float>(height_)) {
    return TissueClass::background;
  }
  return classify(fields_at(x, y));
}

float TissueLayout::nest(float x, float y) const {
  const float architecture = noise_.round(x / 330 + 19, y / 330 + 83);
  return noise_.round(x / 46 + 5, y / 46 + 9) + 0.34F * noise_.round(x / 19 + 61, y / 19 + 43) + 0.28F +
         0.22F * architecture;
}

float TissueLayout::lumen_level(float x, float y) const {
  return 0.84F + 0.36F * noise_.round(x / 230 + 29, y / 230 + 3);
}

Polygons TissueLayout::outlines(TissueClass tissue, double step_um) const {
  return trace_outlines({0, 0, width_, height_}, step_um, [&](float x, float y) {
    const Fields f = fields_at(x, y);
    float value = f.tissue;
    if (tissue == TissueClass::stroma) return value;
    if (tissue == TissueClass::tumour) return std::min(value, f.tumour);
    value = std::min(value, -f.tumour);
    if (tissue == TissueClass::lymphocytes) return std::min(value, f.lymphocytes);
    value = std::min(value, -f.lymphocytes);
    if (tissue == TissueClass::fat) return std::min(value, f.fat);
    return std::min({value, -f.fat, f.gland});
  });
}

Polygons trace_outlines(const RectD& area, double step, const std::function<float(float, float)>& depth) {
  // Nodes lie on the area and once more just outside, where nothing is, so that every outline closes.
  const auto coordinates = [&](double first, double length) {
    std::vector<double> nodes{first};
    const auto steps = std::max<std::int64_t>(1, std::llround(length / step));
    for (std::int64_t i = 0; i <= steps; ++i) {
      nodes.push_back(first + length * static_cast<double>(i) / static_cast<double>(steps));
    }
    nodes.push_back(first + length);
    return nodes;
  };
  const std::vector<double> xs = coordinates(area.x, area.width);
  const std::vector<double> ys = coordinates(area.y, area.height);
  const std::size_t columns = xs.size();
  const std::size_t rows = ys.size();
  const auto value_at = [&](std::size_t i, std::size_t j) {
    if (i == 0 || j == 0 || i + 1 == columns || j + 1 == rows) return -1e-3F;
    return depth(static_cast<float>(xs[i]), static_cast<float>(ys[j]));
  };

  // Marching squares. An edge's number is twice its first node's, plus 1 where it runs down; the outline
  // keeps the inside on its left. Two rows of values are held at a time.
  constexpr std::int64_t kNone = -1;
  std::vector<std::int64_t> next(columns * rows * 2, kNone);
  std::vector<std::int64_t> starts;
  std::vector<PointD> crossing(columns * rows * 2);
  std::vector<float> upper(columns);
  std::vector<float> lower(columns);
  for (std::size_t i = 0; i < columns; ++i) lower[i] = value_at(i, 0);
  const auto crossing_share = [](float a, float b) { return static_cast<double>(a / (a - b)); };
  for (std::size_t j = 0; j + 1 < rows; ++j) {
    upper.swap(lower);
    for (std::size_t i = 0; i < columns; ++i) lower[i] = value_at(i, j + 1);
    for (std::size_t i = 0; i + 1 < columns; ++i) {
      const float a = upper[i];
      const float b = upper[i + 1];
      const float c = lower[i + 1];
      const float d = lower[i];
      const int mask = (a > 0) | (b > 0) << 1 | (c > 0) << 2 | (d > 0) << 3;
      if (mask == 0 || mask == 15) continue;
      const auto node = static_cast<std::int64_t>(j * columns + i);
      const std::int64_t top = 2 * node;
      const std::int64_t left = 2 * node + 1;
      const std::int64_t right = 2 * (node + 1) + 1;
      const std::int64_t bottom = 2 * (node + static_cast<std::int64_t>(columns));
      const auto at = [&](std::int64_t edge) -> PointD& { return crossing[static_cast<std::size_t>(edge)]; };
      if ((a > 0) != (b > 0)) at(top) = {std::lerp(xs[i], xs[i + 1], crossing_share(a, b)), ys[j]};
      if ((d > 0) != (c > 0)) at(bottom) = {std::lerp(xs[i], xs[i + 1], crossing_share(d, c)), ys[j + 1]};
      if ((a > 0) != (d > 0)) at(left) = {xs[i], std::lerp(ys[j], ys[j + 1], crossing_share(a, d))};
      if ((b > 0) != (c > 0)) at(right) = {xs[i + 1], std::lerp(ys[j], ys[j + 1], crossing_share(b, c))};
      const auto join = [&](std::int64_t from, std::int64_t to) {
        next[static_cast<std::size_t>(from)] = to;
        starts.push_back(from);
      };
      switch (mask) {
        case 1:
          join(top, left);
          break;
        case 2:
          join(right, top);
          break;
        case 3:
          join(right, left);
          break;
        case 4:
          join(bottom, right);
          break;
        case 5:
          join(top, left), join(bottom, right);
          break;
        case 6:
          join(bottom, top);
          break;
        case 7:
          join(bottom, left);
          break;
        case 8:
          join(left, bottom);
          break;
        case 9:
          join(top, bottom);
          break;
        case 10:
          join(right, top), join(left, bottom);
          break;
        case 11:
          join(right, bottom);
          break;
        case 12:
          join(left, right);
          break;
        case 13:
          join(top, right);
          break;
        default:
          join(left, top);
          break;
      }
    }
  }
  std::vector<std::vector<PointD>> borders;
  std::vector<std::vector<PointD>> holes;
  for (const std::int64_t start : starts) {
    std::vector<PointD> ring;
    for (std::int64_t edge = start; edge != kNone && next[static_cast<std::size_t>(edge)] != kNone;) {
      ring.push_back(crossing[static_cast<std::size_t>(edge)]);
      edge = std::exchange(next[static_cast<std::size_t>(edge)], kNone);
    }
    if (ring.size() < 3) continue;
    double twice_area = 0;
    for (std::size_t i = 0; i < ring.size(); ++i) {
      const PointD& p = ring[i];
      const PointD& q = ring[(i + 1) % ring.size()];
      twice_area += p.x * q.y - q.x * p.y;
    }
    (twice_area > 0 ? borders : holes).push_back(std::move(ring));
  }
  const auto contains = [](const std::vector<PointD>& ring, const PointD& point) {
    bool is_inside = false;
    for (std::size_t i = 0, j = ring.size() - 1; i < ring.size(); j = i++) {
      if ((ring[i].y > point.y) != (ring[j].y > point.y) &&
          point.x < std::lerp(ring[i].x, ring[j].x, (point.y - ring[i].y) / (ring[j].y - ring[i].y))) {
        is_inside = !is_inside;
      }
    }
    return is_inside;
  };
  Polygons polygons;
  for (auto& border : borders) polygons.push_back({std::move(border)});
  for (auto& hole : holes) {
    // Borders do not nest without a hole between them, so the smallest one around the hole owns it.
    std::size_t owner = polygons.size();
    for (std::size_t i = 0; i < polygons.size(); ++i) {
      if (contains(polygons[i].front(), hole.front()) &&
          (owner == polygons.size() || contains(polygons[owner].front(), polygons[i].front().front()))) {
        owner = i;
      }
    }
    if (owner < polygons.size()) polygons[owner].push_back(std::move(hole));
  }
  return polygons;
}

}  // namespace imaging::detail
