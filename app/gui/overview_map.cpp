#include "app/gui/overview_map.h"

#include <QMouseEvent>
#include <QPainter>
#include <algorithm>

#include "app/gui/theme.h"

namespace gui {
namespace {
constexpr int kLongSide = 170;
constexpr double kSmallestFrame = 6;  // px, so that the frame is seen at any zoom
}  // namespace

OverviewMap::OverviewMap(QWidget* parent) : QWidget(parent) {
  setObjectName("overview_map");
  setAccessibleName(tr("Overview map"));
  setToolTip(tr("The whole slide. Click or drag to go there (O hides the map)."));
  setCursor(Qt::PointingHandCursor);
  hide();
}

void OverviewMap::set_overview(const QImage& overview, imaging::SizeI slide_size_l0) {
  slide_ = slide_size_l0;
  const auto longest = static_cast<double>(std::max(slide_.width, slide_.height));
  const auto side = [longest](std::int64_t length) {
    return std::max(12, static_cast<int>(kLongSide * static_cast<double>(length) / longest));
  };
  resize(side(slide_.width), side(slide_.height));
  if (overview.isNull()) {
    picture_ = {};
  } else {
    const auto ratio = devicePixelRatioF();
    picture_ =
        QPixmap::fromImage(overview.scaled(size() * ratio, Qt::IgnoreAspectRatio, Qt::SmoothTransformation));
    picture_.setDevicePixelRatio(ratio);
  }
  update();
}

void OverviewMap::set_visible_l0(imaging::RectD visible_l0) {
  if (visible_l0 == visible_l0_) return;
  visible_l0_ = visible_l0;
  update();
}

void OverviewMap::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  painter.fillRect(rect(), Qt::white);
  painter.drawPixmap(0, 0, picture_);
  const auto scale_x = width() / static_cast<double>(slide_.width);
  const auto scale_y = height() / static_cast<double>(slide_.height);
  QRectF frame(visible_l0_.x * scale_x, visible_l0_.y * scale_y, visible_l0_.width * scale_x,
               visible_l0_.height * scale_y);
  if (frame.width() < kSmallestFrame)
    frame.adjust(-(kSmallestFrame - frame.width()) / 2, 0, (kSmallestFrame - frame.width()) / 2, 0);
  if (frame.height() < kSmallestFrame)
    frame.adjust(0, -(kSmallestFrame - frame.height()) / 2, 0, (kSmallestFrame - frame.height()) / 2);
  frame = frame.intersected(QRectF(rect()).adjusted(1, 1, -1, -1));
  painter.setPen(QPen(kAccent, 2));
  painter.setBrush(QColor(kAccent.red(), kAccent.green(), kAccent.blue(), 30));
  painter.drawRect(frame);
  painter.setPen(QPen(QColor(0, 0, 0, 120), 1));
  painter.setBrush(Qt::NoBrush);
  painter.drawRect(QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5));
}

void OverviewMap::choose(QPointF position) {
  Q_EMIT place_chosen({position.x() / width() * static_cast<double>(slide_.width),
                       position.y() / height() * static_cast<double>(slide_.height)});
}

void OverviewMap::mousePressEvent(QMouseEvent* event) {
  choose(event->position());
}

void OverviewMap::mouseMoveEvent(QMouseEvent* event) {
  if (event->buttons() & Qt::LeftButton) choose(event->position());
}

}  // namespace gui
