#include "app/viewmodels/slide_scene.h"

#include <QPainter>
#include <algorithm>
#include <cmath>
#include <set>

#include "app/viewmodels/tile_plan.h"
#include "imaging/slide/area_resample.h"

namespace viewmodels {
namespace {

using imaging::ViewTileKey;

constexpr double kMaxSourcePixels = 1 << 25;  // a tile that needs more is left to the overview
constexpr int kMostLevelsUp = 12;
constexpr int kStallMs = 4000;

QRectF to_qrect(imaging::RectD rect) {
  return {rect.x, rect.y, rect.width, rect.height};
}

// Edges on whole device pixels, so that neighbours share them and leave no seam.
QRectF snapped(const QRectF& rect, double ratio) {
  const auto snap = [ratio](double value) { return std::round(value * ratio) / ratio; };
  return {QPointF{snap(rect.left()), snap(rect.top())}, QPointF{snap(rect.right()), snap(rect.bottom())}};
}

ViewTileKey ancestor(const ViewTileKey& key, int levels_up) {
  return {key.source, key.level + levels_up, key.column >> levels_up, key.row >> levels_up};
}

}  // namespace

SlideScene::SlideScene(imaging::TileCache& cache, QObject* parent) : QObject(parent), cache_(cache) {
  viewer_ = cache.make_viewer([this](const ViewTileKey&) {
    if (arrival_told_.exchange(true)) return;
    QMetaObject::invokeMethod(
        this,
        [this] {
          arrival_told_ = false;
          stall_.stop();
          ask();  // a damaged tile calls for its coarser one
          tell_of_damage();
          Q_EMIT tiles_arrived();
        },
        Qt::QueuedConnection);
  });
  stall_.setSingleShot(true);
  stall_.setInterval(kStallMs);
  connect(&stall_, &QTimer::timeout, this, [this] {
    if (stall_told_ || is_complete()) return;
    stall_told_ = true;
    Q_EMIT stalled();
  });
}

void SlideScene::tell_of_damage() {
  if (damage_told_) return;
  for (const auto& key : visible_) {
    const auto tile = cache_.find(key);
    if (!tile || !tile->is_damaged()) continue;
    damage_told_ = true;
    Q_EMIT damage_found(QString::fromStdString(tile->error));
    return;
  }
}

void SlideScene::watch() {
  if (is_complete()) {
    stall_.stop();
  } else if (!stall_.isActive()) {
    stall_.start();
  }
}

void SlideScene::set_slide(std::shared_ptr<const OpenSlide> slide) {
  slide_ = std::move(slide);
  visible_.clear();
  damage_told_ = stall_told_ = false;
  stall_.stop();
  if (!slide_) viewer_->want({});
}

void SlideScene::set_view(const ViewTransform& view, double device_ratio) {
  view_ = view;
  device_ratio_ = device_ratio;
  ask();
}

bool SlideScene::needs_tiles(int level) const {
  const auto step = std::ldexp(1.0, level);
  const auto& info = slide_->reader->info();
  if (!slide_->overview.isNull()) {
    const auto overview_step = static_cast<double>(info.size_l0().width) / slide_->overview.width();
    if (step >= overview_step) return false;  // the overview is as sharp
  }
  const auto& source = info.levels[static_cast<std::size_t>(imaging::choose_level(info, step))];
  const auto side = static_cast<double>(imaging::kViewTilePx) * step / source.downsample;
  return side * side <= kMaxSourcePixels;
}

void SlideScene::ask() {
  if (!slide_) return;
  level_ = view_level(view_.scale() * device_ratio_);
  visible_.clear();
  if (!needs_tiles(level_)) {
    viewer_->want({});
    watch();
    return;
  }
  const auto size = slide_->size_l0();
  const auto visible_l0 = view_.visible_l0();
  visible_ = plan_tiles(slide_->source, size, visible_l0, level_, 0);
  std::vector<ViewTileKey> wishes;
  std::set<ViewTileKey> stand_ins;
  for (const auto& key : visible_) {
    for (int up = 0; up < kMostLevelsUp; ++up) {
      const auto above = ancestor(key, up);
      const auto tile = cache_.find(above);
      if (tile && !tile->is_damaged()) break;
      if (!tile) {
        if (up > 0 && needs_tiles(above.level)) stand_ins.insert(above);
        break;
      }
    }
  }
  wishes.assign(stand_ins.begin(), stand_ins.end());
  if (needs_tiles(level_ + 2)) {  // a sixteenth of the pixels: soon there, and sharp enough to find one's way
    const auto coarse = plan_tiles(slide_->source, size, visible_l0, level_ + 2, 0);
    wishes.insert(wishes.end(), coarse.begin(), coarse.end());
  }
  const auto wide = plan_tiles(slide_->source, size, visible_l0, level_, 1);  // visible ones first
  wishes.insert(wishes.end(), wide.begin(), wide.end());
  viewer_->want(wishes);
  watch();
}

bool SlideScene::is_complete() const {
  if (!slide_) return true;
  if (!slide_->overview_settled) return false;
  return std::ranges::all_of(visible_, [this](const ViewTileKey& key) {
    for (int up = 0; up < kMostLevelsUp; ++up) {  // a damaged tile waits for the coarser one that stands in
      const auto above = ancestor(key, up);
      if (up > 0 && !needs_tiles(above.level)) return true;
      const auto tile = cache_.find(above);
      if (!tile) return false;
      if (!tile->is_damaged()) return true;
    }
    return true;
  });
}

bool SlideScene::draw_cached(QPainter& painter, const ViewTileKey& tile_key,
                             const ViewTileKey& within) const {
  const auto tile = cache_.find(tile_key);
  if (!tile || tile->is_damaged()) return false;
  const auto step = std::ldexp(1.0, tile_key.level);
  const auto tile_rect = view_tile_rect_l0(tile_key);
  const QRectF image_l0(tile_rect.x, tile_rect.y, static_cast<double>(tile->bgrx.width()) * step,
                        static_cast<double>(tile->bgrx.height()) * step);
  const auto part_l0 = image_l0.intersected(to_qrect(view_tile_rect_l0(within)));
  if (part_l0.isEmpty()) return false;
  const QImage image(tile->bgrx.data(), static_cast<int>(tile->bgrx.width()),
                     static_cast<int>(tile->bgrx.height()), QImage::Format_RGB32);
  const QRectF source((part_l0.x() - image_l0.x()) / step, (part_l0.y() - image_l0.y()) / step,
                      part_l0.width() / step, part_l0.height() / step);
  const auto target =
      to_qrect(view_.rect_to_upright({part_l0.x(), part_l0.y(), part_l0.width(), part_l0.height()}));
  painter.drawImage(snapped(target, device_ratio_), image, source);
  return true;
}

void SlideScene::paint_tile(QPainter& painter, const ViewTileKey& key) const {
  if (draw_cached(painter, key, key)) return;
  for (int up = 1; up < kMostLevelsUp; ++up) {
    if (draw_cached(painter, ancestor(key, up), key)) break;
  }
  if (key.level > 0) {
    for (const auto row : {0, 1}) {
      for (const auto column : {0, 1}) {
        const ViewTileKey child{key.source, key.level - 1, key.column * 2 + column, key.row * 2 + row};
        (void)draw_cached(painter, child, child);
      }
    }
  }
  const auto tile = cache_.find(key);
  if (tile && tile->is_damaged()) {
    const auto target = snapped(to_qrect(view_.rect_to_upright(view_tile_rect_l0(key))), device_ratio_);
    painter.fillRect(target, QBrush(QColor(128, 128, 128, 110), Qt::BDiagPattern));
  }
}

void SlideScene::paint(QPainter& painter) const {
  if (!slide_) return;
  const auto size = slide_->size_l0();
  const auto slide_view = snapped(to_qrect(view_.rect_to_upright({0, 0, static_cast<double>(size.width),
                                                                  static_cast<double>(size.height)})),
                                  device_ratio_);
  painter.save();
  painter.setClipRect(slide_view, Qt::IntersectClip);
  // Above this enlargement a pixel is shown as the square it is.
  painter.setRenderHint(QPainter::SmoothPixmapTransform, view_.scale() * device_ratio_ < 4);

  const bool all_there = !visible_.empty() && std::ranges::all_of(visible_, [this](const ViewTileKey& key) {
    const auto tile = cache_.find(key);
    return tile && !tile->is_damaged();
  });
  if (!all_there) {
    if (slide_->overview.isNull()) {
      painter.fillRect(slide_view, QColor(Qt::white));
    } else {
      const auto& overview = slide_->overview;
      const auto shown = slide_view.intersected(to_qrect(view_.rect_to_upright(view_.visible_l0())));
      const auto ratio_x = overview.width() / slide_view.width();
      const auto ratio_y = overview.height() / slide_view.height();
      painter.drawImage(shown, overview,
                        QRectF((shown.x() - slide_view.x()) * ratio_x, (shown.y() - slide_view.y()) * ratio_y,
                               shown.width() * ratio_x, shown.height() * ratio_y));
    }
  }
  for (const auto& key : visible_) paint_tile(painter, key);
  painter.restore();
}

}  // namespace viewmodels
