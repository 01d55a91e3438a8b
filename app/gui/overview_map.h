#pragma once

#include <QPixmap>
#include <QWidget>

#include "imaging/base/geometry.h"

namespace gui {

/// The whole slide, small, with the part looked at framed; press and drag to go elsewhere.
class OverviewMap : public QWidget {
  Q_OBJECT
 public:
  explicit OverviewMap(QWidget* parent);

  void set_overview(const QImage& overview, imaging::SizeI slide_size_l0);  ///< null hides the picture
  void set_visible_l0(imaging::RectD visible_l0);

 Q_SIGNALS:
  void place_chosen(imaging::PointD l0);

 protected:
  void paintEvent(QPaintEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;

 private:
  void choose(QPointF position);

  QPixmap picture_;
  imaging::SizeI slide_{1, 1};
  imaging::RectD visible_l0_;
};

}  // namespace gui
