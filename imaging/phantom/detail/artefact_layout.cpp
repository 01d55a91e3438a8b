#include "imaging/phantom/detail/artefact_layout.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace imaging::detail {
namespace {

constexpr int kLinePoints = 25;
constexpr double kMaxOutlineNodes = 1000;  // along the longer side of a shape
enum Stream : std::uint64_t { kPen = 31, kFolds = 32, kBlur = 33 };

// Marker inks: blue, green, red, black.
constexpr std::array<std::array<float, 3>, 4> kInks{
    {{1.30F, 0.75F, 0.14F}, {1.05F, 0.28F, 0.85F}, {0.10F, 1.05F, 0.95F}, {1.35F, 1.32F, 1.28F}}};

}  // namespace

float ArtefactLayout::Shape::depth(float x, float y) const {
  if (artefact == PhantomArtefact::blur) return star.depth(x, y, 1);
  float nearest = 1e12F;
  float share = 0;  // of the line's length at the nearest point
  for (std::size_t i = 0; i + 1 < line.size(); ++i) {
    const auto [ax, ay] = line[i];
    const float dx = line[i + 1][0] - ax;
    const float dy = line[i + 1][1] - ay;
    const float t = std::clamp(((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy), 0.0F, 1.0F);
    const float ox = x - (ax + t * dx);
    const float oy = y - (ay + t * dy);
    const float distance = ox * ox + oy * oy;
    if (distance >= nearest) continue;
    nearest = distance;
    share = (static_cast<float>(i) + t) / static_cast<float>(line.size() - 1);
  }
  const float taper = artefact == PhantomArtefact::fold ? std::sqrt(4 * share * (1 - share)) : 1.0F;
  return half_width * taper - std::sqrt(nearest);
}

ArtefactLayout::ArtefactLayout(const TissueLayout& tissue, const SlidePhantomOptions& options)
    : tissue_(tissue) {
  const auto seed = static_cast<std::uint64_t>(options.seed);
  const double shorter = std::min(tissue.width_um(), tissue.height_um());
  const auto any_piece = [&](Random& random) -> const TissueLayout::Star& {
    return tissue
        .pieces()[static_cast<std::size_t>(random.index(static_cast<std::int64_t>(tissue.pieces().size())))];
  };
  const auto add_in_piece = [&](Random& random, const auto& add) {
    const auto& piece = any_piece(random);
    const double turn = random.uniform(0, 2 * std::numbers::pi);
    const double distance = 0.75 * std::sqrt(random.uniform());
    add(piece, static_cast<double>(piece.x) + distance * std::cos(turn) * static_cast<double>(piece.radius_x),
        static_cast<double>(piece.y) + distance * std::sin(turn) * static_cast<double>(piece.radius_y));
  };

  Random pen(seed, kPen);
  for (std::int64_t i = 0; i < options.pen; ++i) {
    const auto& piece = any_piece(pen);
    // A marker's tip is half a millimetre wide; a slide too small for it gets finer strokes.
    const double half_width = std::clamp(0.022 * shorter, 100.0, 250.0) * pen.uniform(0.7, 1.3);
    const auto& ink = kInks[static_cast<std::size_t>(pen.index(4))];
    const double start = pen.uniform(0, 2 * std::numbers::pi);
    const double strength = pen.uniform(0.7, 1.1);
    if (pen.chance(0.6)) {
      // Part of a ring around the tissue, or around something in it.
      const double size = pen.chance(0.5) ? pen.uniform(0.9, 1.15) : pen.uniform(0.3, 0.7);
      const double span = pen.uniform(0.4, 1.9) * std::numbers::pi;
      Shape shape{.artefact = PhantomArtefact::pen, .half_width = static_cast<float>(half_width)};
      for (int k = 0; k < 2 * kLinePoints; ++k) {
        const double turn = start + span * k / (2 * kLinePoints - 1);
        const double radius = size * (1 + 0.06 * std::sin(2.3 * turn + start));
        shape.line.push_back({piece.x + static_cast<float>(radius * std::cos(turn)) * piece.radius_x,
                              piece.y + static_cast<float>(radius * std::sin(turn)) * piece.radius_y});
      }
      shapes_.push_back(std::move(shape));
    } else {
      add_line(pen, PhantomArtefact::pen, half_width, pen.uniform(0.1, 0.9) * tissue.width_um(),
               pen.uniform(0.1, 0.9) * tissue.height_um(), start, pen.uniform(0.15, 0.5) * shorter, 0.15);
    }
    for (std::size_t c = 0; c < 3; ++c) shapes_.back().ink[c] = ink[c] * static_cast<float>(strength);
  }

  Random folds(seed, kFolds);
  for (std::int64_t i = 0; i < options.folds; ++i) {
    add_in_piece(folds, [&](const TissueLayout::Star& piece, double x, double y) {
      const double reach = static_cast<double>(std::min(piece.radius_x, piece.radius_y));
      const double length = std::min(4000.0, reach * folds.uniform(0.4, 1.1));
      const double half_width = std::clamp(length * folds.uniform(0.02, 0.05), 12.0, 60.0);
      add_line(folds, PhantomArtefact::fold, half_width, x, y, folds.uniform(0, 2 * std::numbers::pi), length,
               0.25);
    });
  }

  Random blur(seed, kBlur);
  for (std::int64_t i = 0; i < options.blur; ++i) {
    add_in_piece(blur, [&](const TissueLayout::Star& piece, double x, double y) {
      const double radius =
          static_cast<double>(std::min(piece.radius_x, piece.radius_y)) * blur.uniform(0.3, 0.6);
      shapes_.push_back(
          {.artefact = PhantomArtefact::blur,
           .star = TissueLayout::make_star(blur, x, y, radius * blur.uniform(0.8, 1.3), radius, 0.12)});
    });
  }

  for (Shape& shape : shapes_) {
    float left = 1e12F, top = 1e12F, right = -1e12F, bottom = -1e12F;
    const auto include = [&](float x, float y, float reach_x, float reach_y) {
      left = std::min(left, x - reach_x), right = std::max(right, x + reach_x);
      top = std::min(top, y - reach_y), bottom = std::max(bottom, y + reach_y);
    };
    for (const auto& [x, y] : shape.line) include(x, y, shape.half_width, shape.half_width);
    if (shape.line.empty()) {
      include(shape.star.x, shape.star.y, 1.8F * shape.star.radius_x, 1.8F * shape.star.radius_y);
    }
    shape.bounds = {static_cast<double>(left), static_cast<double>(top), static_cast<double>(right - left),
                    static_cast<double>(bottom - top)};
  }
}

void ArtefactLayout::add_line(Random& random, PhantomArtefact artefact, double half_width, double x, double y,
                              double heading, double length, double bend) {
  Shape shape{.artefact = artefact, .half_width = static_cast<float>(half_width)};
  const double step = length / (kLinePoints - 1);
  const double sway = random.uniform(-bend, bend) * 0.3;
  const double phase = random.uniform(0, 2 * std::numbers::pi);
  for (int k = 0; k < kLinePoints; ++k) {
    shape.line.push_back({static_cast<float>(x), static_cast<float>(y)});
    const double turn = heading + sway * k + bend * std::sin(phase + 0.4 * k);
    x += step * std::cos(turn);
    y += step * std::sin(turn);
  }
  shapes_.push_back(std::move(shape));
}

float ArtefactLayout::depth(const Shape& shape, float x, float y) const {
  const float depth = shape.depth(x, y);
  if (depth <= 0 || shape.artefact == PhantomArtefact::pen) return depth;
  return std::min(depth, tissue_.tissue_depth(x, y));
}

Polygons ArtefactLayout::outlines(const Shape& shape) const {
  const double left = std::max(0.0, shape.bounds.x);
  const double top = std::max(0.0, shape.bounds.y);
  const RectD area{left, top, std::min(tissue_.width_um(), shape.bounds.right()) - left,
                   std::min(tissue_.height_um(), shape.bounds.bottom()) - top};
  if (area.width <= 0 || area.height <= 0) return {};
  const double longer = std::max(area.width, area.height);
  const double fine =
      shape.artefact == PhantomArtefact::blur ? 8.0 : static_cast<double>(shape.half_width) / 4;
  return trace_outlines(area, std::max(fine, longer / kMaxOutlineNodes),
                        [&](float x, float y) { return depth(shape, x, y); });
}

}  // namespace imaging::detail
