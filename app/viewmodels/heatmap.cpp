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

}  // namespace

Heatmap::Heatmap(QObject* parent) : QObject(parent) {}

void Heatmap::set_raster(std::shared_ptr<const imaging::ScoreRaster> raster) {
  raster_ = std::move(raster);
  channel_ = 0;
  threshold_share_ = 0;
  picture_ = {};
  recolour();
}

void Heatmap::set_shown(bool shown) {
  if (shown == shown_) return;
  shown_ = shown;
  Q_EMIT changed();
  Q_EMIT picture_changed();
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

std::optional<float> Heatmap::raw_score_at(imaging::PointD l0) const {
  if (!raster_) return std::nullopt;
  const auto x = static_cast<std::int64_t>(std::floor((l0.x - raster_->origin_l0.x) / raster_->pixel_l0.x));
  const auto y = static_cast<std::int64_t>(std::floor((l0.y - raster_->origin_l0.y) / raster_->pixel_l0.y));
  if (x < 0 || y < 0 || x >= raster_->values.width() || y >= raster_->values.height()) return std::nullopt;
  const auto value = raster_->values.pixel(x, y)[channel_];
  return std::isfinite(value) ? std::optional{value} : std::nullopt;
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
      [raster = raster_, rank_view = rank_view_, channel = channel_, map = colormap_, style] {
        const auto& colours = imaging::colormaps()[static_cast<std::size_t>(map)];
        return to_picture(rank_view
                              ? imaging::colour_raster(imaging::rank_view(*raster), channel, colours, style)
                              : imaging::colour_raster(*raster, channel, colours, style));
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
