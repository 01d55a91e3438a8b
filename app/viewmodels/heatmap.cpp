#include "app/viewmodels/heatmap.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace viewmodels {
namespace {

QImage to_picture(const imaging::Image8& rgba) {
  const QImage view(rgba.data(), static_cast<int>(rgba.width()), static_cast<int>(rgba.height()),
                    static_cast<qsizetype>(rgba.width() * 4), QImage::Format_RGBA8888);
  return view.convertToFormat(QImage::Format_ARGB32_Premultiplied);  // a copy: the view's memory goes
}

constexpr std::int64_t kFinest = 2048;  // longest side of a picture that is cut along the tissue, px

/// The picture, finer, with nothing where the slide has no tissue.
QImage cut_along_tissue(const QImage& picture, imaging::RectD rect_l0, const imaging::Image8& tissue,
                        imaging::SizeI slide) {
  const auto times =
      static_cast<int>(std::max<std::int64_t>(1, kFinest / std::max(picture.width(), picture.height())));
  auto fine = picture.scaled(picture.width() * times, picture.height() * times, Qt::IgnoreAspectRatio,
                             Qt::FastTransformation);
  const auto column_of = [&](double l0, std::int64_t slide_side, std::int64_t mask_side) {
    return static_cast<std::int64_t>(
        std::floor(l0 * static_cast<double>(mask_side) / static_cast<double>(slide_side)));
  };
  for (int y = 0; y < fine.height(); ++y) {
    auto* line = reinterpret_cast<QRgb*>(fine.scanLine(y));
    const auto mask_y =
        column_of(rect_l0.y + rect_l0.height * (y + 0.5) / fine.height(), slide.height, tissue.height());
    for (int x = 0; x < fine.width(); ++x) {
      const auto mask_x =
          column_of(rect_l0.x + rect_l0.width * (x + 0.5) / fine.width(), slide.width, tissue.width());
      const bool is_inside =
          mask_x >= 0 && mask_y >= 0 && mask_x < tissue.width() && mask_y < tissue.height();
      if (!is_inside || *tissue.pixel(mask_x, mask_y) == 0) line[x] = 0;
    }
  }
  return fine;
}

}  // namespace

Heatmap::Heatmap(QObject* parent) : QObject(parent) {}

void Heatmap::set_raster(std::shared_ptr<const imaging::ScoreRaster> raster, imaging::Image8 tissue,
                         imaging::SizeI slide_size_l0, int channel,
                         std::shared_ptr<const imaging::ScoreRaster> view, double threshold_share) {
  raster_ = std::move(raster);
  view_ = std::move(view);
  tissue_ = std::make_shared<const imaging::Image8>(std::move(tissue));
  slide_size_l0_ = slide_size_l0;
  channel_ = raster_ && channel < raster_->values.channels() ? channel : 0;
  threshold_share_ = threshold_share;
  picture_ = {};
  recolour();
}

void Heatmap::set_shown(bool shown) {
  if (shown == shown_) return;
  shown_ = shown;
  Q_EMIT changed();
  Q_EMIT picture_changed();
}

void Heatmap::set_grid_shown(bool shown) {
  if (shown == grid_shown_) return;
  grid_shown_ = shown;
  Q_EMIT changed();
  Q_EMIT picture_changed();
}

void Heatmap::set_hides_outside(bool hides) {
  if (hides == hides_outside_) return;
  hides_outside_ = hides;
  recolour();
}

void Heatmap::set_opacity(double opacity) {
  if (opacity == opacity_) return;
  opacity_ = std::clamp(opacity, 0.0, 1.0);
  Q_EMIT changed();
  Q_EMIT picture_changed();
}

void Heatmap::set_rank_view(bool on) {
  if (on == rank_view_) return;
  rank_view_ = on;
  recolour();
}

void Heatmap::set_channel(int channel) {
  if (!raster_ || channel == channel_ || channel < 0 || channel >= raster_->values.channels()) return;
  channel_ = channel;
  recolour();
}

void Heatmap::set_colormap(int index) {
  if (index == colormap_ || index < 0 || index >= static_cast<int>(imaging::colormaps().size())) return;
  colormap_ = index;
  recolour();
}

void Heatmap::set_threshold_share(double share) {
  if (share == threshold_share_) return;
  threshold_share_ = std::clamp(share, 0.0, 1.0);
  recolour();
}

QStringList Heatmap::channel_names() const {
  QStringList names;
  if (raster_) {
    for (const auto& name : raster_->channel_names) names << QString::fromStdString(name);
  }
  return names;
}

QStringList Heatmap::colormap_names() {
  QStringList names;
  for (const auto& map : imaging::colormaps()) {
    names << QString::fromUtf8(map.name.data(), static_cast<qsizetype>(map.name.size()));
  }
  return names;
}

float Heatmap::threshold() const {
  return low_ + static_cast<float>(threshold_share_) * (high_ - low_);
}

QImage Heatmap::colour_strip() const {
  QImage strip(256, 1, QImage::Format_RGB32);
  const auto& map = imaging::colormaps()[static_cast<std::size_t>(colormap_)];
  for (int i = 0; i < 256; ++i) {
    const auto& rgb = map.rgb[static_cast<std::size_t>(i)];
    strip.setPixel(i, 0, qRgb(rgb[0], rgb[1], rgb[2]));
  }
  return strip;
}

imaging::RectD Heatmap::rect_l0() const {
  if (!raster_) return {};
  return {raster_->origin_l0.x, raster_->origin_l0.y,
          static_cast<double>(raster_->values.width()) * raster_->pixel_l0.x,
          static_cast<double>(raster_->values.height()) * raster_->pixel_l0.y};
}

imaging::PointD Heatmap::pixel_l0() const {
  return raster_ ? raster_->pixel_l0 : imaging::PointD{};
}

imaging::RectD Heatmap::rect_of(Cell cell) const {
  return {raster_->origin_l0.x + static_cast<double>(cell.x) * raster_->pixel_l0.x,
          raster_->origin_l0.y + static_cast<double>(cell.y) * raster_->pixel_l0.y, raster_->pixel_l0.x,
          raster_->pixel_l0.y};
}

std::optional<Heatmap::Cell> Heatmap::cell_at(imaging::PointD l0) const {
  if (!raster_) return std::nullopt;
  const Cell cell{static_cast<std::int64_t>(std::floor((l0.x - raster_->origin_l0.x) / raster_->pixel_l0.x)),
                  static_cast<std::int64_t>(std::floor((l0.y - raster_->origin_l0.y) / raster_->pixel_l0.y))};
  const bool is_inside =
      cell.x >= 0 && cell.y >= 0 && cell.x < raster_->values.width() && cell.y < raster_->values.height();
  if (!is_inside || !std::isfinite(raster_->values.pixel(cell.x, cell.y)[channel_])) return std::nullopt;
  return cell;
}

std::optional<imaging::RectD> Heatmap::tile_at(imaging::PointD l0) const {
  const auto cell = cell_at(l0);
  return cell ? std::optional{rect_of(*cell)} : std::nullopt;
}

std::vector<imaging::RectD> Heatmap::tiles_in(imaging::RectD rect) const {
  std::vector<imaging::RectD> tiles;
  if (!raster_) return tiles;
  const auto index = [](double from, double origin, double side, std::int64_t count) {
    return static_cast<std::int64_t>(
        std::clamp(std::floor((from - origin) / side), 0.0, static_cast<double>(count - 1)));
  };
  const auto& values = raster_->values;
  const auto left = index(rect.x, raster_->origin_l0.x, raster_->pixel_l0.x, values.width());
  const auto right = index(rect.right(), raster_->origin_l0.x, raster_->pixel_l0.x, values.width());
  const auto bottom = index(rect.bottom(), raster_->origin_l0.y, raster_->pixel_l0.y, values.height());
  for (auto y = index(rect.y, raster_->origin_l0.y, raster_->pixel_l0.y, values.height()); y <= bottom; ++y) {
    for (auto x = left; x <= right; ++x) {
      if (std::isfinite(values.pixel(x, y)[channel_])) tiles.push_back(rect_of({x, y}));
    }
  }
  return tiles;
}

std::optional<float> Heatmap::raw_score_at(imaging::PointD l0) const {
  const auto cell = cell_at(l0);
  return cell ? std::optional{raster_->values.pixel(cell->x, cell->y)[channel_]} : std::nullopt;
}

void Heatmap::recolour() {
  const auto turn = ++wanted_;
  if (!raster_) {
    painted_ = turn;
    Q_EMIT changed();
    Q_EMIT picture_changed();
    return;
  }
  const auto range =
      rank_view_ ? imaging::PaintedRange{0, 1, false} : imaging::painted_range(*raster_, channel_);
  low_ = range.low;
  high_ = range.high;
  is_clipped_ = range.is_clipped;
  const imaging::HeatmapStyle style{
      .low = low_,
      .high = high_,
      .opacity = 1,  // the canvas blends, so that the opacity slider costs nothing
      .threshold = threshold_share_ > 0 ? threshold() : -std::numeric_limits<float>::infinity()};
  background_.run(
      [raster = view_ && !rank_view_ ? view_ : raster_, rank_view = rank_view_, channel = channel_,
       map = colormap_, style, tissue = hides_outside_ && knows_tissue() ? tissue_ : nullptr,
       rect = rect_l0(), slide = slide_size_l0_] {
        const auto& colours = imaging::colormaps()[static_cast<std::size_t>(map)];
        const auto picture = to_picture(
            rank_view ? imaging::colour_raster(imaging::rank_view(*raster), channel, colours, style)
                      : imaging::colour_raster(*raster, channel, colours, style));
        return tissue ? cut_along_tissue(picture, rect, *tissue, slide) : picture;
      },
      [this, turn](QImage picture) {
        if (turn != wanted_) return;  // a newer wish is on its way
        painted_ = turn;
        picture_ = std::move(picture);
        Q_EMIT picture_changed();
      },
      [this, turn](const imaging::JobOutcome&) { painted_ = turn; });
  Q_EMIT changed();
}

}  // namespace viewmodels
