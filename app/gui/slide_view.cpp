#include "app/gui/slide_view.h"

#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <cmath>

#include "app/gui/theme.h"
#include "app/viewmodels/wording.h"

namespace gui {
namespace {

constexpr int kFrameMs = 15;
constexpr double kWheelNotch = 1.25;  // zoom of one notch
constexpr double kKeyZoom = 1.5;
constexpr double kKeyPan = 0.15;     // of the view's size
constexpr double kZoomShare = 0.35;  // of the way left, each frame
constexpr double kZoomDone = 1e-3;
constexpr double kScaleBarView = 160;  // longest scale bar, px
constexpr int kMapMargin = 14;
constexpr QColor kTissue{0x2f, 0xb3, 0x44};

QRectF to_qrect(imaging::RectD rect) {
  return {rect.x, rect.y, rect.width, rect.height};
}

}  // namespace

SlideView::SlideView(viewmodels::Studio* studio, QWidget* parent)
    : QWidget(parent), studio_(studio), scene_(studio->cache()), map_(new OverviewMap(this)) {
  setObjectName("slide_view");
  setAccessibleName(tr("Slide"));
  setFocusPolicy(Qt::StrongFocus);
  setMouseTracking(true);
  setAttribute(Qt::WA_OpaquePaintEvent);
  setMinimumSize(320, 240);
  zoom_timer_.setInterval(kFrameMs);
  connect(&zoom_timer_, &QTimer::timeout, this, &SlideView::step_zoom);
  connect(&scene_, &viewmodels::SlideScene::tiles_arrived, this, qOverload<>(&QWidget::update));
  connect(studio_, &viewmodels::Studio::current_changed, this, &SlideView::take_slide);
  connect(studio_, &viewmodels::Studio::overview_changed, this, &SlideView::take_overview);
  connect(studio_, &viewmodels::Studio::scale_changed, this, qOverload<>(&QWidget::update));
  connect(studio_, &viewmodels::Studio::case_changed, this, qOverload<>(&QWidget::update));
  connect(studio_->heatmap(), &viewmodels::Heatmap::picture_changed, this, qOverload<>(&QWidget::update));
  connect(studio_->tissue(), &viewmodels::TissuePreview::outlines_changed, this,
          qOverload<>(&QWidget::update));
  connect(map_, &OverviewMap::place_chosen, this, [this](imaging::PointD l0) {
    view_.centre_on(l0);
    after_move();
  });
}

bool SlideView::is_complete() const {
  return !studio_->is_opening() && !zoom_timer_.isActive() && scene_.is_complete() &&
         !studio_->is_loading_case() && !studio_->tissue()->is_working() &&
         !studio_->heatmap()->is_colouring();
}

void SlideView::take_slide() {
  const auto slide = studio_->current();
  zoom_timer_.stop();
  scene_.set_slide(slide);
  if (slide) view_.set_slide(slide->size_l0());
  setCursor(slide ? Qt::OpenHandCursor : Qt::ArrowCursor);
  take_overview();
}

void SlideView::take_overview() {
  const auto slide = studio_->current();
  map_->setVisible(slide && map_shown_);
  if (slide) map_->set_overview(slide->overview, slide->size_l0());
  place_map();
  after_move();
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

void SlideView::fit() {
  zoom_timer_.stop();
  view_.fit();
  after_move();
}

void SlideView::zoom(double factor) {
  zoom_smoothly(QRectF(rect()).center(), factor);
}

void SlideView::set_scale(double scale) {
  zoom_timer_.stop();
  view_.set_scale(scale);
  after_move();
}

void SlideView::go_to(imaging::RectD rect_l0) {
  zoom_timer_.stop();
  view_.show_rect(rect_l0, 0.5);
  after_move();
}

void SlideView::look_at(imaging::PointD centre_l0, double scale) {
  view_.set_scale(scale);
  view_.centre_on(centre_l0);
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
  map_->setVisible(on && studio_->current());
  Q_EMIT map_shown_changed(on);
}

void SlideView::zoom_smoothly(QPointF about, double factor) {
  if (!studio_->current()) return;
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

void SlideView::resizeEvent(QResizeEvent*) {
  view_.resize_view(width(), height());
  place_map();
  after_move();
}

void SlideView::wheelEvent(QWheelEvent* event) {
  zoom_smoothly(event->position(), std::pow(kWheelNotch, event->angleDelta().y() / 120.0));
  event->accept();
}

void SlideView::mousePressEvent(QMouseEvent* event) {
  if (event->button() != Qt::LeftButton || !studio_->current()) return;
  zoom_timer_.stop();
  zoom_left_ = 0;
  dragged_from_ = event->position();
  setCursor(Qt::ClosedHandCursor);
}

void SlideView::mouseMoveEvent(QMouseEvent* event) {
  const auto slide = studio_->current();
  if (!slide) return;
  if (dragged_from_) {
    const auto moved = event->position() - *dragged_from_;
    dragged_from_ = event->position();
    view_.pan_by(moved.x(), moved.y());
    after_move();
  }
  const auto l0 = view_.to_l0({event->position().x(), event->position().y()});
  const auto size = slide->size_l0();
  const bool inside = l0.x >= 0 && l0.y >= 0 && l0.x < static_cast<double>(size.width) &&
                      l0.y < static_cast<double>(size.height);
  Q_EMIT cursor_moved(inside ? std::optional{l0} : std::nullopt);
}

void SlideView::mouseReleaseEvent(QMouseEvent* event) {
  if (event->button() != Qt::LeftButton) return;
  dragged_from_.reset();
  setCursor(studio_->current() ? Qt::OpenHandCursor : Qt::ArrowCursor);
}

void SlideView::mouseDoubleClickEvent(QMouseEvent* event) {
  if (event->button() != Qt::LeftButton) return;
  zoom_smoothly(event->position(), event->modifiers() & Qt::ShiftModifier ? 0.5 : 2);
}

void SlideView::leaveEvent(QEvent*) {
  Q_EMIT cursor_moved(std::nullopt);
}

void SlideView::keyPressEvent(QKeyEvent* event) {
  const auto pan = [this](double x, double y) {
    view_.pan_by(x * kKeyPan * width(), y * kKeyPan * height());
    after_move();
  };
  switch (event->key()) {
    case Qt::Key_Left:
      return pan(1, 0);
    case Qt::Key_Right:
      return pan(-1, 0);
    case Qt::Key_Up:
      return pan(0, 1);
    case Qt::Key_Down:
      return pan(0, -1);
    case Qt::Key_Plus:
    case Qt::Key_Equal:
      return zoom(kKeyZoom);
    case Qt::Key_Minus:
      return zoom(1 / kKeyZoom);
    case Qt::Key_0:
      return fit();
    case Qt::Key_1:
      return set_scale(1 / devicePixelRatioF());
    case Qt::Key_H:
      return studio_->heatmap()->set_shown(!studio_->heatmap()->is_shown());
    case Qt::Key_O:
      return set_map_shown(!map_shown_);
    case Qt::Key_T:
      return set_outlines(!outlines_);
    default:
      QWidget::keyPressEvent(event);
  }
}

void SlideView::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  painter.fillRect(rect(), kCanvas);
  if (!studio_->current()) return paint_welcome(painter);
  scene_.paint(painter);
  paint_heatmap(painter);
  paint_tissue(painter);
  if (outlines_) paint_outlines(painter);
  paint_scale_bar(painter);
}

void SlideView::paint_heatmap(QPainter& painter) {
  const auto* heatmap = studio_->heatmap();
  if (!heatmap->is_shown() || heatmap->picture().isNull()) return;
  const auto size = studio_->current()->size_l0();
  painter.save();
  painter.setClipRect(to_qrect(
      view_.rect_to_view({0, 0, static_cast<double>(size.width), static_cast<double>(size.height)})));
  painter.setOpacity(heatmap->opacity());
  painter.drawImage(to_qrect(view_.rect_to_view(heatmap->rect_l0())), heatmap->picture());
  painter.restore();
}

void SlideView::paint_tissue(QPainter& painter) {
  const auto visible = to_qrect(view_.visible_l0());
  const auto origin = view_.rect_to_view({0, 0, 1, 1});
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

void SlideView::paint_outlines(QPainter& painter) {
  int rank = 0;
  for (const auto& item : studio_->top_tiles()->items()) {
    ++rank;
    const auto rect = to_qrect(view_.rect_to_view(item.rect_l0));
    painter.setPen(QPen(Qt::white, 4));
    painter.drawRect(rect);
    painter.setPen(QPen(kAccent.darker(120), 2));
    painter.drawRect(rect);
    const auto label = QString::number(rank);
    const QRectF plate(rect.topLeft(), QSizeF(painter.fontMetrics().horizontalAdvance(label) + 8,
                                              painter.fontMetrics().height()));
    painter.fillRect(plate, kAccent.darker(120));
    painter.setPen(Qt::white);
    painter.drawText(plate, Qt::AlignCenter, label);
  }
}

void SlideView::paint_scale_bar(QPainter& painter) {
  const auto slide = studio_->current();
  const bool is_um = slide->has_physical_scale();
  const auto unit_per_view = (is_um ? slide->scale->mpp_x : 1.0) / view_.scale();
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

void SlideView::paint_welcome(QPainter& painter) {
  auto font = painter.font();
  font.setPointSizeF(font.pointSizeF() * 1.6);
  painter.setFont(font);
  painter.setPen(QColor(0xd8, 0xdb, 0xde));
  const auto middle = rect().center().y();
  painter.drawText(QRect(0, middle - 60, width(), 40), Qt::AlignCenter,
                   tr("Drop slides here, or open them with Ctrl+O"));
  painter.setFont(this->font());
  painter.setPen(QColor(0x9a, 0xa0, 0xa6));
  painter.drawText(QRect(20, middle - 12, width() - 40, 60),
                   Qt::AlignHCenter | Qt::AlignTop | Qt::TextWordWrap,
                   tr("Aperio, Hamamatsu, Leica, MIRAX, Philips, Trestle, Ventana and generic tiled TIFF "
                      "slides; TIFF, PNG and JPEG images"));
}

}  // namespace gui
