#pragma once

#include <QTimer>
#include <QWidget>
#include <optional>

#include "app/gui/overview_map.h"
#include "app/viewmodels/slide_scene.h"
#include "app/viewmodels/studio.h"
#include "app/viewmodels/view_transform.h"

namespace gui {

/// The canvas: the current slide with its heatmap, moved by wheel, mouse and keys.
class SlideView : public QWidget {
  Q_OBJECT
 public:
  SlideView(viewmodels::Studio* studio, QWidget* parent);

  [[nodiscard]] const viewmodels::ViewTransform& view() const { return view_; }
  [[nodiscard]] bool shows_outlines() const { return outlines_; }
  [[nodiscard]] OverviewMap* overview_map() { return map_; }
  /// True when nothing that is visible is still on its way.
  [[nodiscard]] bool is_complete() const;

  void fit();
  void zoom(double factor);      ///< about the middle, smoothly
  void set_scale(double scale);  ///< view pixels per level-0 pixel
  void go_to(imaging::RectD rect_l0);
  void look_at(imaging::PointD centre_l0, double scale);
  void set_outlines(bool on);
  void set_map_shown(bool on);
  [[nodiscard]] bool is_map_shown() const { return map_shown_; }

 Q_SIGNALS:
  void view_changed();
  void cursor_moved(std::optional<imaging::PointD> l0);  ///< none outside the slide
  void outlines_changed(bool on);
  void map_shown_changed(bool on);

 protected:
  void paintEvent(QPaintEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  void wheelEvent(QWheelEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void mouseDoubleClickEvent(QMouseEvent* event) override;
  void leaveEvent(QEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;

 private:
  void take_slide();
  void take_overview();
  void after_move();
  void zoom_smoothly(QPointF about, double factor);
  void step_zoom();
  void place_map();
  void paint_heatmap(QPainter& painter);
  void paint_outlines(QPainter& painter);
  void paint_tissue(QPainter& painter);
  void paint_scale_bar(QPainter& painter);
  void paint_welcome(QPainter& painter);

  viewmodels::Studio* studio_;
  viewmodels::SlideScene scene_;
  viewmodels::ViewTransform view_;
  OverviewMap* map_;
  bool map_shown_ = true;
  bool outlines_ = false;
  std::optional<QPointF> dragged_from_;
  QTimer zoom_timer_;
  QPointF zoom_about_;
  double zoom_left_ = 0;  // natural logarithm of the factor still to go
};

}  // namespace gui
