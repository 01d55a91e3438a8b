#include "app/gui/slide_view.h"

#include <QAction>
#include <QGestureEvent>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QNativeGestureEvent>
#include <QPainter>
#include <QPainterPath>
#include <QPinchGesture>
#include <cmath>

#include "app/gui/theme.h"
#include "app/viewmodels/wording.h"

namespace gui {
namespace {

constexpr int kFrameMs = 15;
constexpr double kWheelNotch = 1.25;  // zoom of one notch
constexpr double kKeyPan = 0.15;      // of the view's size
constexpr double kZoomShare = 0.35;   // of the way left, each frame
constexpr double kZoomDone = 1e-3;
constexpr double kScaleBarView = 160;  // longest scale bar, px
constexpr int kMapMargin = 14;
constexpr QColor kTissue{0x2f, 0xb3, 0x44};
constexpr double kReach = 6;  // view px that a pointer may be off
// A drag that ends in motion glides on.
constexpr qint64 kGlideWindowMs = 80;     // the moments that its speed is taken from
constexpr qint64 kLeastGlideMs = 15;      // fewer say nothing of a speed
constexpr double kLeastGlide = 0.15;      // px per ms
constexpr double kGlideDone = 0.02;       // px per ms
constexpr double kGlideFrictionMs = 220;  // its speed falls to a third in this time
constexpr double kLeastTile = 8;          // view px from which tiles are outlined
constexpr double kLeastShape = 3;         // view px below which an annotation is a dot
QRectF to_qrect(imaging::RectD rect) {
  return {rect.x, rect.y, rect.width, rect.height};
}

void paint_plate(QPainter& painter, const QPointF& corner, const QString& text) {
  const QRectF plate(
      corner, QSizeF(painter.fontMetrics().horizontalAdvance(text) + 14, painter.fontMetrics().height() + 6));
  painter.setPen(Qt::NoPen);
  painter.setBrush(QColor(20, 22, 24, 190));
  painter.drawRoundedRect(plate, 4, 4);
  painter.setPen(Qt::white);
  painter.drawText(plate, Qt::AlignCenter, text);
}

/// The ring without corners that would fall on the same pixel.
QPolygonF thinned(const QPolygonF& ring, double least_l0) {
  if (ring.size() < 16) return ring;
  QPolygonF kept;
  for (const auto& point : ring) {
    if (kept.isEmpty() || (point - kept.back()).manhattanLength() >= least_l0) kept << point;
  }
  return kept.size() > 2 ? kept : ring;
}

}  // namespace

SlideView::SlideView(viewmodels::Studio* studio, QWidget* parent)
    : QWidget(parent), studio_(studio), scene_(studio->cache()), map_(new OverviewMap(this)) {
  setObjectName("slide_view");
  setAccessibleName(tr("Slide"));
  setFocusPolicy(Qt::StrongFocus);
  setMouseTracking(true);
  setAttribute(Qt::WA_OpaquePaintEvent);
  setMinimumSize(160, 120);
  grabGesture(Qt::PinchGesture);
  clock_.start();
  zoom_timer_.setInterval(kFrameMs);
  glide_timer_.setInterval(kFrameMs);
  const auto repaint = qOverload<>(&QWidget::update);
  connect(&zoom_timer_, &QTimer::timeout, this, &SlideView::step_zoom);
  connect(&glide_timer_, &QTimer::timeout, this, &SlideView::step_glide);
  connect(&scene_, &viewmodels::SlideScene::tiles_arrived, this, repaint);
  connect(studio_, &viewmodels::Studio::current_changed, this, repaint);
  connect(studio_, &viewmodels::Studio::overview_changed, this, &SlideView::take_overview);
  connect(studio_, &viewmodels::Studio::scale_changed, this, repaint);
  connect(studio_, &viewmodels::Studio::case_changed, this, repaint);
  connect(studio_->heatmap(), &viewmodels::Heatmap::picture_changed, this, repaint);
  connect(studio_->masks(), &viewmodels::MaskOverlay::picture_changed, this, repaint);
  connect(&scene_, &viewmodels::SlideScene::damage_found, this, [this](const QString& reason) {
    Q_EMIT hint(tr("A part of %1 cannot be read; it is hatched and shown from coarser pixels. %2")
                    .arg(slide_->name(), reason));
  });
  connect(&scene_, &viewmodels::SlideScene::stalled, this, [this] {
    Q_EMIT hint(tr("%1 does not answer. The window goes on; what is missing is shown when it comes.")
                    .arg(slide_->name()));
  });
  connect(studio_->tissue(), &viewmodels::TissuePreview::outlines_changed, this, repaint);
  connect(studio_->display(), &viewmodels::Display::changed, this, repaint);
  connect(studio_->field(), &viewmodels::FieldOverlay::changed, this, repaint);
  connect(studio_->editor(), &viewmodels::AnnotationEditor::changed, this, repaint);
  connect(studio_, &viewmodels::Studio::annotation_style_changed, this, repaint);
  connect(studio_->editor(), &viewmodels::AnnotationEditor::tool_changed, this, &SlideView::take_tool);
  connect(map_, &OverviewMap::place_chosen, this, [this](imaging::PointD l0) {
    view_.centre_on(l0);
    after_move();
  });
}

bool SlideView::is_complete() const {
  return !zoom_timer_.isActive() && !glide_timer_.isActive() && scene_.is_complete() &&
         !studio_->is_loading_case() && !studio_->tissue()->is_working() &&
         !studio_->heatmap()->is_colouring() && !studio_->masks()->is_working() &&
         !(masks_ && masks_->is_working());
}

void SlideView::set_masks(const viewmodels::MaskOverlay* masks, const QString& caption) {
  disconnect(masks_changed_);
  masks_ = masks;
  caption_ = caption;
  if (masks_) {
    masks_changed_ =
        connect(masks_, &viewmodels::MaskOverlay::picture_changed, this, qOverload<>(&QWidget::update));
  }
  update();
}

const viewmodels::MaskOverlay* SlideView::shown_masks() const {
  const auto* masks = masks_ ? masks_.data() : is_current() ? studio_->masks() : nullptr;
  return masks != nullptr && slide_ && masks->slide() == slide_->path() ? masks : nullptr;
}

void SlideView::set_slide(std::shared_ptr<const viewmodels::OpenSlide> slide) {
  if (slide == slide_) return;
  stop_moving();
  slide_ = std::move(slide);
  set_outlines(false);  // of the slide before
  scene_.set_slide(slide_);
  if (slide_) {
    view_.set_turn(0, false);
    view_.set_slide(slide_->size_l0());
  }
  take_tool();
  take_overview();
  disconnect(document_changed_);
  disconnect(document_selected_);
  if (slide_ && slide_->annotations) {
    const auto* document = slide_->annotations.get();
    document_changed_ =
        connect(document, &viewmodels::AnnotationDocument::changed, this, &SlideView::take_annotations);
    document_selected_ = connect(document, &viewmodels::AnnotationDocument::selection_changed, this,
                                 qOverload<>(&QWidget::update));
  }
  take_annotations();
}

void SlideView::take_annotations() {
  shapes_.update(slide_ && slide_->annotations ? slide_->annotations->items()
                                               : std::vector<viewmodels::AnnotationDocument::Item>{});
  update();
}

void SlideView::take_overview() {
  map_->setVisible(slide_ && map_shown_);
  if (slide_) map_->set_overview(slide_->overview, slide_->size_l0());
  place_map();
  after_move();
}

void SlideView::take_tool() {
  const auto tool = studio_->editor()->tool();
  setCursor(!slide_                            ? Qt::ArrowCursor
            : tool == viewmodels::Tool::pan    ? Qt::OpenHandCursor
            : tool == viewmodels::Tool::select ? Qt::ArrowCursor
                                               : Qt::CrossCursor);
}

void SlideView::place_map() {
  map_->move(width() - map_->width() - kMapMargin, kMapMargin);
}

void SlideView::after_move() {
  scene_.set_view(view_, devicePixelRatioF());
  map_->set_visible_l0(view_.visible_l0());
  update();
  Q_EMIT view_changed();
}

void SlideView::stop_moving() {
  zoom_timer_.stop();
  glide_timer_.stop();
  zoom_left_ = 0;
}

void SlideView::fit() {
  stop_moving();
  view_.fit();
  after_move();
}

void SlideView::zoom(double factor) {
  zoom_smoothly(QRectF(rect()).center(), factor);
}

void SlideView::step(double x, double y) {
  stop_moving();
  view_.pan_by(x * kKeyPan * width(), y * kKeyPan * height());
  after_move();
}

void SlideView::set_scale(double scale) {
  stop_moving();
  view_.set_scale(scale);
  after_move();
}

bool SlideView::set_magnification(double magnification) {
  if (!slide_) return false;
  const auto scale = viewmodels::magnification_scale(*slide_, magnification);
  if (!scale) {
    Q_EMIT hint(tr("The scale of this image is not known, so it has no magnification; set its scale first."));
    return false;
  }
  set_scale(*scale / devicePixelRatioF());
  return true;
}

void SlideView::set_turn(double angle_deg, bool mirrored) {
  view_.set_turn(angle_deg, mirrored);
  after_move();
}

void SlideView::go_to(imaging::RectD rect_l0) {
  stop_moving();
  view_.show_rect(rect_l0, 0.5);
  after_move();
}

void SlideView::look_at(imaging::PointD centre_l0, double scale) {
  view_.set_scale(scale);
  view_.centre_on(centre_l0);
  after_move();
}

void SlideView::copy_view(const SlideView& other) {
  if (!slide_ || !other.slide_) return;
  view_.set_turn(other.view_.angle_deg(), other.view_.is_mirrored());
  if (other.view_.is_fitted()) {
    view_.fit();
  } else {
    const auto size = slide_->size_l0();
    const auto other_size = other.slide_->size_l0();
    const auto share_x = static_cast<double>(size.width) / static_cast<double>(other_size.width);
    const auto share_y = static_cast<double>(size.height) / static_cast<double>(other_size.height);
    const bool has_um = slide_->has_physical_scale() && other.slide_->has_physical_scale();
    view_.set_scale(other.view_.scale() *
                    (has_um ? slide_->scale->mpp_x / other.slide_->scale->mpp_x : 1 / share_x));
    view_.centre_on({other.view_.centre_l0().x * share_x, other.view_.centre_l0().y * share_y});
  }
  after_move();
}

void SlideView::follow(const SlideView& other, const viewmodels::ViewTransform& before) {
  if (!slide_ || !other.slide_) return;
  stop_moving();
  const bool has_um = slide_->has_physical_scale() && other.slide_->has_physical_scale();
  const auto ratio_x = has_um ? other.slide_->scale->mpp_x / slide_->scale->mpp_x : 1;
  const auto ratio_y = has_um ? other.slide_->scale->mpp_y / slide_->scale->mpp_y : 1;
  const auto& after = other.view_;
  view_.set_turn(view_.angle_deg() + after.angle_deg() - before.angle_deg(),
                 view_.is_mirrored() != (after.is_mirrored() != before.is_mirrored()));
  const auto centre = view_.centre_l0();
  view_.set_scale(view_.scale() * after.scale() / before.scale());
  view_.centre_on({centre.x + (after.centre_l0().x - before.centre_l0().x) * ratio_x,
                   centre.y + (after.centre_l0().y - before.centre_l0().y) * ratio_y});
  after_move();
}

void SlideView::set_outlines(bool on) {
  if (on == outlines_) return;
  outlines_ = on;
  update();
  Q_EMIT outlines_changed(on);
}

void SlideView::set_map_shown(bool on) {
  if (on == map_shown_) return;
  map_shown_ = on;
  map_->setVisible(on && slide_);
  Q_EMIT map_shown_changed(on);
}

void SlideView::set_crosshair(bool on) {
  if (on == crosshair_) return;
  crosshair_ = on;
  update();
  Q_EMIT crosshair_changed(on);
}

void SlideView::set_one_of_many(bool is_one_of_many, bool is_active) {
  one_of_many_ = is_one_of_many;
  active_ = is_active;
  update();
}

void SlideView::zoom_smoothly(QPointF about, double factor) {
  if (!slide_) return;
  glide_timer_.stop();
  zoom_about_ = about;
  zoom_left_ += std::log(factor);
  if (!zoom_timer_.isActive()) {
    zoom_timer_.start();
    step_zoom();
  }
}

void SlideView::step_zoom() {
  const bool is_last = std::abs(zoom_left_) < kZoomDone;
  const auto step = is_last ? zoom_left_ : zoom_left_ * kZoomShare;
  zoom_left_ -= step;
  const auto before = view_.scale();
  view_.zoom_about({zoom_about_.x(), zoom_about_.y()}, std::exp(step));
  if (is_last || view_.scale() == before) {
    zoom_timer_.stop();
    zoom_left_ = 0;
  }
  after_move();
}

void SlideView::start_glide() {
  const auto now = clock_.elapsed();
  while (!drag_.empty() && now - drag_.front().ms > kGlideWindowMs) drag_.pop_front();
  if (drag_.size() < 3 || drag_.back().ms - drag_.front().ms < kLeastGlideMs) return;
  glide_ = (drag_.back().place - drag_.front().place) / static_cast<double>(now - drag_.front().ms);
  if (std::hypot(glide_.x(), glide_.y()) >= kLeastGlide) glide_timer_.start();
}

void SlideView::step_glide() {
  view_.pan_by(glide_.x() * kFrameMs, glide_.y() * kFrameMs);
  glide_ *= std::exp(-kFrameMs / kGlideFrictionMs);
  if (std::hypot(glide_.x(), glide_.y()) < kGlideDone) glide_timer_.stop();
  after_move();
}

bool SlideView::event(QEvent* event) {
  if (event->type() == QEvent::NativeGesture) {
    take_gesture(static_cast<QNativeGestureEvent*>(event));
    return true;
  }
  if (event->type() == QEvent::Gesture) {
    auto* gestures = static_cast<QGestureEvent*>(event);
    if (auto* pinch = static_cast<QPinchGesture*>(gestures->gesture(Qt::PinchGesture))) {
      take_pinch(pinch);
      return true;
    }
  }
  return QWidget::event(event);
}

void SlideView::take_gesture(QNativeGestureEvent* event) {
  if (!slide_) return;
  stop_moving();
  const auto place = event->position();
  if (event->gestureType() == Qt::ZoomNativeGesture) {
    view_.zoom_about({place.x(), place.y()}, 1 + event->value());
    after_move();
  } else if (event->gestureType() == Qt::RotateNativeGesture) {
    set_turn(view_.angle_deg() + event->value(), view_.is_mirrored());
  } else if (event->gestureType() == Qt::SmartZoomNativeGesture) {
    fit();
  }
}

void SlideView::take_pinch(QPinchGesture* pinch) {
  if (!slide_) return;
  stop_moving();
  const QPointF middle = mapFromGlobal(pinch->centerPoint());
  const QPointF moved = pinch->centerPoint() - pinch->lastCenterPoint();
  view_.pan_by(moved.x(), moved.y());
  view_.zoom_about({middle.x(), middle.y()}, pinch->scaleFactor());
  after_move();
}

void SlideView::resizeEvent(QResizeEvent*) {
  view_.resize_view(width(), height());
  place_map();
  after_move();
}

void SlideView::wheelEvent(QWheelEvent* event) {
  zoom_smoothly(event->position(), std::pow(kWheelNotch, event->angleDelta().y() / 120.0));
  event->accept();
}

double SlideView::reach_l0() const {
  return kReach / view_.scale();
}

void SlideView::mousePressEvent(QMouseEvent* event) {
  Q_EMIT activated();
  if (!slide_) return;
  if (event->button() == Qt::LeftButton && is_current() &&
      studio_->editor()->press(l0_at(event->position()), reach_l0())) {
    stop_moving();
    editing_ = true;
    return;
  }
  if (event->button() != Qt::LeftButton && event->button() != Qt::MiddleButton) return;
  stop_moving();
  dragged_from_ = event->position();
  drag_.clear();
  setCursor(Qt::ClosedHandCursor);
}

void SlideView::mouseMoveEvent(QMouseEvent* event) {
  if (!slide_) return;
  if (dragged_from_) {
    const auto moved = event->position() - *dragged_from_;
    dragged_from_ = event->position();
    drag_.push_back({event->position(), clock_.elapsed()});
    if (drag_.size() > 32) drag_.pop_front();
    view_.pan_by(moved.x(), moved.y());
    after_move();
  } else if (is_current()) {
    studio_->editor()->move(l0_at(event->position()));
  }
  note_cursor(event->position());
}

void SlideView::note_cursor(std::optional<QPointF> place) {
  cursor_ = place;
  std::optional<imaging::PointD> l0;
  if (place && slide_) {
    l0 = l0_at(*place);
    const auto size = slide_->size_l0();
    const bool inside = l0->x >= 0 && l0->y >= 0 && l0->x < static_cast<double>(size.width) &&
                        l0->y < static_cast<double>(size.height);
    if (!inside) l0.reset();
  }
  const auto* heatmap = studio_->heatmap();
  const auto hovered =
      l0 && is_current() && heatmap->is_shown() ? heatmap->tile_at(*l0) : std::optional<imaging::RectD>{};
  if (hovered != hovered_tile_ || crosshair_) update();
  hovered_tile_ = hovered;
  Q_EMIT cursor_moved(l0);
}

void SlideView::mouseReleaseEvent(QMouseEvent* event) {
  if (editing_ && event->button() == Qt::LeftButton) {
    editing_ = false;
    studio_->editor()->release(l0_at(event->position()));
    return;
  }
  if (!dragged_from_ || (event->button() != Qt::LeftButton && event->button() != Qt::MiddleButton)) return;
  dragged_from_.reset();
  take_tool();
  start_glide();
}

void SlideView::mouseDoubleClickEvent(QMouseEvent* event) {
  if (event->button() != Qt::LeftButton) return;
  const auto tool = studio_->editor()->tool();
  if (tool == viewmodels::Tool::polygon && is_current()) return studio_->editor()->double_click();
  if (tool == viewmodels::Tool::pan)
    zoom_smoothly(event->position(), event->modifiers() & Qt::ShiftModifier ? 0.5 : 2);
}

void SlideView::leaveEvent(QEvent*) {
  note_cursor(std::nullopt);
}

void SlideView::focusInEvent(QFocusEvent* event) {
  QWidget::focusInEvent(event);
  Q_EMIT activated();
}

void SlideView::keyPressEvent(QKeyEvent* event) {
  // The keys are those of the actions that the grid of views holds. Qt finds them itself where the window is
  // the active one.
  const QKeySequence key(event->keyCombination());
  for (auto* action : parentWidget()->actions()) {
    if (!action->isEnabled() || !action->shortcuts().contains(key)) continue;
    action->trigger();
    return;
  }
  QWidget::keyPressEvent(event);
}

QTransform SlideView::turn() const {
  const auto& t = view_.turn();
  const auto x = view_.view_width() / 2;
  const auto y = view_.view_height() / 2;
  return QTransform::fromTranslate(-x, -y) * QTransform(t.xx, t.yx, t.xy, t.yy, x, y);
}

void SlideView::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  if (!slide_) {
    painter.fillRect(rect(), kCanvas);
    return paint_welcome(painter);
  }
  paint_all(painter);
  paint_crosshair(painter);
  if (!one_of_many_) return;
  paint_name(painter);
  if (!active_) return;
  painter.setPen(QPen(kAccent, 3));
  painter.setBrush(Qt::NoBrush);
  painter.drawRect(rect().adjusted(1, 1, -2, -2));
}

void SlideView::paint_all(QPainter& painter) const {
  painter.fillRect(rect(), kCanvas);
  painter.save();
  if (view_.is_turned()) painter.setTransform(turn(), true);
  paint_pixels(painter);
  if (is_current()) {
    paint_field(painter);
    paint_heatmap(painter);
    paint_tile_grid(painter);
    paint_tissue(painter);
  }
  paint_masks(painter);
  paint_annotations(painter);
  painter.restore();
  if (is_current()) {
    if (outlines_) paint_outlines(painter);
    paint_hovered_tile(painter);
    paint_draft(painter);
  }
  paint_scale_bar(painter);
}

QImage SlideView::picture() const {
  const auto ratio = devicePixelRatioF();
  QImage image(size() * ratio, QImage::Format_RGB32);
  image.setDevicePixelRatio(ratio);
  QPainter painter(&image);
  painter.setFont(font());
  paint_all(painter);
  const auto notice = tr("Research use only. Not for diagnosis.");
  paint_plate(painter,
              {width() - painter.fontMetrics().horizontalAdvance(notice) - 28.0,
               height() - painter.fontMetrics().height() - 20.0},
              notice);
  return image;
}

void SlideView::paint_pixels(QPainter& painter) const {
  const auto* display = studio_->display();
  if (display->is_plain()) return scene_.paint(painter);
  const auto ratio = devicePixelRatioF();
  const auto wanted = size() * ratio;
  if (buffer_.size() != wanted) buffer_ = QImage(wanted, QImage::Format_RGB32);
  buffer_.setDevicePixelRatio(ratio);
  {
    QPainter pixels(&buffer_);
    pixels.fillRect(rect(), Qt::white);
    if (view_.is_turned()) pixels.setTransform(turn(), true);
    scene_.paint(pixels);
  }
  display->apply(buffer_);
  const auto size_l0 = slide_->size_l0();
  painter.save();
  painter.setClipRect(to_qrect(view_.rect_to_upright(
      {0, 0, static_cast<double>(size_l0.width), static_cast<double>(size_l0.height)})));
  if (view_.is_turned()) painter.setTransform(turn().inverted(), true);  // the buffer is turned already
  painter.drawImage(QPointF(0, 0), buffer_);
  painter.restore();
}

void SlideView::paint_field(QPainter& painter) const {
  const auto& disc = studio_->field()->disc();
  if (!disc) return;
  const auto place =
      view_.rect_to_upright({disc->centre_l0.x - disc->radius_l0, disc->centre_l0.y - disc->radius_l0,
                             2 * disc->radius_l0, 2 * disc->radius_l0});
  QPainterPath outside;
  outside.addRect(to_qrect(view_.rect_to_upright(view_.visible_l0())));
  QPainterPath field;
  field.addEllipse(to_qrect(place));
  painter.save();
  painter.setRenderHint(QPainter::Antialiasing);
  painter.fillPath(outside.subtracted(field), QColor(30, 60, 120, 130));
  painter.setPen(QPen(QColor(0x4d, 0xc3, 0xff), 2));
  painter.drawPath(field);
  painter.restore();
}

void SlideView::paint_heatmap(QPainter& painter) const {
  const auto* heatmap = studio_->heatmap();
  if (!heatmap->is_shown() || heatmap->picture().isNull()) return;
  const auto size = slide_->size_l0();
  painter.save();
  painter.setClipRect(to_qrect(
      view_.rect_to_upright({0, 0, static_cast<double>(size.width), static_cast<double>(size.height)})));
  painter.setOpacity(heatmap->opacity());
  painter.drawImage(to_qrect(view_.rect_to_upright(heatmap->rect_l0())), heatmap->picture());
  painter.restore();
}

void SlideView::paint_masks(QPainter& painter) const {
  if (const auto* masks = shown_masks()) masks->paint(painter, view_, devicePixelRatioF());
}

void SlideView::paint_tile_grid(QPainter& painter) const {
  const auto* heatmap = studio_->heatmap();
  if (!heatmap->is_available() || !heatmap->is_grid_shown()) return;
  const auto side = heatmap->pixel_l0();
  if (std::min(side.x, side.y) * view_.scale() < kLeastTile) return;
  QVector<QRectF> tiles;
  for (const auto& tile : heatmap->tiles_in(view_.visible_l0()))
    tiles << to_qrect(view_.rect_to_upright(tile));
  painter.setPen(QPen(QColor(20, 22, 24, 150), 0));
  painter.setBrush(Qt::NoBrush);
  painter.drawRects(tiles);
}

void SlideView::paint_tissue(QPainter& painter) const {
  const auto visible = to_qrect(view_.visible_l0());
  const auto origin = view_.rect_to_upright({0, 0, 1, 1});
  painter.save();
  painter.translate(origin.x, origin.y);
  painter.scale(view_.scale(), view_.scale());
  QPen pen(kTissue, 2);
  pen.setCosmetic(true);
  painter.setPen(pen);
  painter.setBrush(Qt::NoBrush);
  for (const auto& piece : studio_->tissue()->outlines()) {
    if (!piece.bounds_l0.intersects(visible)) continue;
    for (const auto& ring : piece.rings_l0) painter.drawPolygon(ring);
  }
  painter.restore();
}

void SlideView::paint_annotations(QPainter& painter) const {
  if (shapes_.shapes().empty() || !studio_->are_annotations_shown()) return;
  const auto visible = to_qrect(view_.visible_l0());
  const auto scale = view_.scale();
  const auto origin = view_.rect_to_upright({0, 0, 1, 1});
  const auto selected = slide_->annotations->selected();
  const bool is_moving = is_current() && studio_->editor()->is_moving();
  painter.save();
  painter.setRenderHint(QPainter::Antialiasing, shapes_.shapes().size() < 2000);
  painter.translate(origin.x, origin.y);
  painter.scale(scale, scale);
  int row = -1;
  for (const auto& shape : shapes_.shapes()) {
    ++row;
    const bool is_selected = row == selected;
    const auto reach = 8 / scale;
    if (!shape->bounds_l0.adjusted(-reach, -reach, reach, reach).intersects(visible)) continue;
    if (is_selected && is_moving) continue;  // its draft stands for it
    QPen pen(shape->colour, is_selected ? 3.5 : 2);
    pen.setCosmetic(true);
    painter.setPen(pen);
    painter.setBrush(Qt::NoBrush);
    const auto shown = std::max(shape->bounds_l0.width(), shape->bounds_l0.height()) * scale;
    if (shape->kind == imaging::GeometryKind::points) {
      painter.setBrush(QColor(shape->colour.red(), shape->colour.green(), shape->colour.blue(), 110));
      for (const auto& ring : shape->rings_l0) {
        for (const auto& point : ring) painter.drawEllipse(point, 5 / scale, 5 / scale);
      }
    } else if (shown < kLeastShape) {
      painter.drawPoint(shape->bounds_l0.center());
    } else if (shape->kind == imaging::GeometryKind::lines) {
      for (const auto& ring : shape->rings_l0) painter.drawPolyline(thinned(ring, 1 / scale));
    } else {
      QPainterPath path;
      for (const auto& ring : shape->rings_l0) {
        path.addPolygon(thinned(ring, 1 / scale));
        path.closeSubpath();
      }
      if (studio_->are_annotations_filled()) {
        auto fill = shape->colour;
        fill.setAlpha(45);
        painter.fillPath(path, fill);
      }
      painter.drawPath(path);
    }
  }
  painter.restore();
}

void SlideView::paint_draft(QPainter& painter) const {
  const auto* editor = studio_->editor();
  const auto to_view = [this](QPointF l0) {
    const auto place = view_.to_view({l0.x(), l0.y()});
    return QPointF(place.x, place.y);
  };
  painter.save();
  painter.setRenderHint(QPainter::Antialiasing);
  if (const auto& draft = editor->draft()) {
    imaging::Annotation item;
    item.geometry = *draft;
    const auto shape = viewmodels::shape_of(item);
    QPainterPath path;
    for (const auto& ring : shape.rings_l0) {
      QPolygonF points;
      for (const auto& point : ring) points << to_view(point);
      path.addPolygon(points);
      if (shape.kind == imaging::GeometryKind::polygons) path.closeSubpath();
    }
    painter.setBrush(Qt::NoBrush);
    painter.setPen(QPen(Qt::white, 4));
    painter.drawPath(path);
    painter.setPen(QPen(kAccent, 2));
    painter.drawPath(path);
    const auto words = viewmodels::annotation_measure(*draft, slide_->scale);
    if (!words.isEmpty() && cursor_) paint_plate(painter, *cursor_ + QPointF(14, 14), words);
  }
  painter.setPen(QPen(kAccent, 1.5));
  painter.setBrush(Qt::white);
  if (!editor->is_moving()) {
    for (const auto& corner : editor->handles())
      painter.drawRect(QRectF(to_view({corner.x, corner.y}) - QPointF(3.5, 3.5), QSizeF(7, 7)));
  }
  painter.restore();
}

void SlideView::paint_hovered_tile(QPainter& painter) const {
  if (!hovered_tile_ || !cursor_ || studio_->editor()->draft()) return;
  const auto score = studio_->heatmap()->raw_score_at(
      {hovered_tile_->x + hovered_tile_->width / 2, hovered_tile_->y + hovered_tile_->height / 2});
  if (!score) return;
  painter.save();
  if (view_.is_turned()) painter.setTransform(turn(), true);
  painter.setPen(QPen(Qt::white, 2));
  painter.setBrush(Qt::NoBrush);
  painter.drawRect(to_qrect(view_.rect_to_upright(*hovered_tile_)));
  painter.restore();
  painter.save();
  painter.setRenderHint(QPainter::Antialiasing);
  paint_plate(painter, *cursor_ + QPointF(14, 14),
              tr("score %1").arg(viewmodels::score_words(static_cast<double>(*score))));
  painter.restore();
}

void SlideView::paint_outlines(QPainter& painter) const {
  int rank = 0;
  for (const auto& item : studio_->top_tiles()->items()) {
    ++rank;
    const auto rect = to_qrect(view_.rect_to_upright(item.rect_l0));
    painter.save();
    if (view_.is_turned()) painter.setTransform(turn(), true);
    painter.setBrush(Qt::NoBrush);
    painter.setPen(QPen(Qt::white, 4));
    painter.drawRect(rect);
    painter.setPen(QPen(kAccent.darker(120), 2));
    painter.drawRect(rect);
    painter.restore();
    const auto label = QString::number(rank);
    const auto corner = view_.to_view({item.rect_l0.x, item.rect_l0.y});
    const QRectF plate(QPointF(corner.x, corner.y), QSizeF(painter.fontMetrics().horizontalAdvance(label) + 8,
                                                           painter.fontMetrics().height()));
    painter.fillRect(plate, kAccent.darker(120));
    painter.setPen(Qt::white);
    painter.drawText(plate, Qt::AlignCenter, label);
  }
}

void SlideView::paint_scale_bar(QPainter& painter) const {
  const bool is_um = slide_->has_physical_scale();
  const auto unit_per_view = (is_um ? slide_->scale->mpp_x : 1.0) / view_.scale();
  const auto bar = viewmodels::choose_scale_bar(unit_per_view, kScaleBarView);
  const auto label = viewmodels::length_words(bar.value, is_um);
  const QRectF plate(14, height() - 50, bar.length_view + 24, 36);
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setPen(Qt::NoPen);
  painter.setBrush(QColor(20, 22, 24, 190));
  painter.drawRoundedRect(plate, 4, 4);
  painter.setRenderHint(QPainter::Antialiasing, false);
  painter.fillRect(QRectF(plate.left() + 12, plate.bottom() - 9, bar.length_view, 3), Qt::white);
  painter.setPen(Qt::white);
  painter.drawText(plate.adjusted(0, 3, 0, -11), Qt::AlignCenter, label);
}

void SlideView::paint_crosshair(QPainter& painter) const {
  if (!crosshair_ || !cursor_) return;
  painter.setPen(QPen(QColor(0, 0, 0, 150), 1));
  painter.drawLine(QPointF(0, cursor_->y()), QPointF(width(), cursor_->y()));
  painter.drawLine(QPointF(cursor_->x(), 0), QPointF(cursor_->x(), height()));
  painter.setRenderHint(QPainter::Antialiasing);
  paint_plate(painter, *cursor_ + QPointF(14, -34), viewmodels::position_words(*slide_, l0_at(*cursor_)));
}

void SlideView::paint_name(QPainter& painter) const {
  painter.setRenderHint(QPainter::Antialiasing);
  paint_plate(painter, {12, 12},
              caption_.isEmpty() ? slide_->name() : tr("%1: %2").arg(caption_, slide_->name()));
}

void SlideView::paint_welcome(QPainter& painter) const {
  auto font = painter.font();
  font.setPointSizeF(font.pointSizeF() * 1.6);
  painter.setFont(font);
  painter.setPen(QColor(0xd8, 0xdb, 0xde));
  const auto middle = rect().center().y();
  painter.drawText(QRect(0, middle - 60, width(), 40), Qt::AlignCenter,
                   tr("Drop slides or photographs of the retina here, or open them with Ctrl+O"));
  painter.setFont(this->font());
  painter.setPen(QColor(0x9a, 0xa0, 0xa6));
  painter.drawText(
      QRect(20, middle - 12, width() - 40, 120), Qt::AlignHCenter | Qt::AlignTop | Qt::TextWordWrap,
      tr("Aperio, Hamamatsu, Leica, MIRAX, Philips, Trestle, Ventana and generic tiled TIFF "
         "slides; TIFF, PNG, JPEG and DICOM images\n\nThen choose a model on the right and press "
         "Analyse. Many files become a project: Ctrl+Shift+O."));
}

}  // namespace gui
