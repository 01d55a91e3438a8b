#pragma once

#include <QElapsedTimer>
#include <QImage>
#include <QPointer>
#include <QTimer>
#include <QWidget>
#include <deque>
#include <optional>

#include "app/gui/overview_map.h"
#include "app/viewmodels/annotation_shapes.h"
#include "app/viewmodels/slide_scene.h"
#include "app/viewmodels/studio.h"
#include "app/viewmodels/view_transform.h"

class QNativeGestureEvent;
class QPinchGesture;

namespace gui {

/// A canvas: one slide, moved by wheel, mouse, fingers and keys. Where its slide is the studio's current one,
/// the overlays of the studio lie over it and annotations can be drawn.
class SlideView : public QWidget {
  Q_OBJECT
 public:
  SlideView(viewmodels::Studio* studio, QWidget* parent);

  void set_slide(std::shared_ptr<const viewmodels::OpenSlide> slide);  ///< null for none
  [[nodiscard]] const std::shared_ptr<const viewmodels::OpenSlide>& slide() const { return slide_; }
  [[nodiscard]] const viewmodels::ViewTransform& view() const { return view_; }
  [[nodiscard]] bool shows_outlines() const { return outlines_; }
  [[nodiscard]] OverviewMap* overview_map() { return map_; }
  /// True when nothing that is visible is still on its way.
  [[nodiscard]] bool is_complete() const;

  void fit();
  void zoom(double factor);       ///< about the middle, smoothly
  void step(double x, double y);  ///< moves by a part of the view's size
  void set_scale(double scale);   ///< view pixels per level-0 pixel
  /// 10 µm per screen pixel is 1x. @return false where the slide's scale is not known
  bool set_magnification(double magnification);
  void set_turn(double angle_deg, bool mirrored);
  void go_to(imaging::RectD rect_l0);
  void look_at(imaging::PointD centre_l0, double scale);
  /// The part that another view shows: the same of its own slide, at the same µm per pixel where both scales
  /// are known.
  void copy_view(const SlideView& other);
  /// Moves as a linked view did, from `before` to `after`, in µm where both scales are known.
  void follow(const SlideView& other, const viewmodels::ViewTransform& before);
  void set_outlines(bool on);
  void set_map_shown(bool on);
  [[nodiscard]] bool is_map_shown() const { return map_shown_; }
  void set_crosshair(bool on);
  [[nodiscard]] bool has_crosshair() const { return crosshair_; }
  /// One of several views: its name stands in it, and the active one has a frame.
  void set_one_of_many(bool is_one_of_many, bool is_active);

  /// Shows this segmentation, wherever it lies over the view's slide, in place of the studio's. It must
  /// outlive the view, or be taken back. @param caption  stands beside the name  @param masks  null: the
  /// studio's again
  void set_masks(const viewmodels::MaskOverlay* masks, const QString& caption);

  /// What the view shows with overlays, scale bar and notice, without map and frame.
  [[nodiscard]] QImage picture() const;

 Q_SIGNALS:
  void view_changed();
  void activated();                                      ///< pressed or focused
  void cursor_moved(std::optional<imaging::PointD> l0);  ///< none outside the slide
  void outlines_changed(bool on);
  void map_shown_changed(bool on);
  void crosshair_changed(bool on);
  void hint(const QString& sentence);

 protected:
  bool event(QEvent* event) override;
  void paintEvent(QPaintEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  void wheelEvent(QWheelEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void mouseDoubleClickEvent(QMouseEvent* event) override;
  void leaveEvent(QEvent* event) override;
  void focusInEvent(QFocusEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;

 private:
  void take_overview();
  void take_annotations();
  void take_tool();
  void after_move();
  void zoom_smoothly(QPointF about, double factor);
  void step_zoom();
  void step_glide();
  void start_glide();
  void stop_moving();
  void take_gesture(QNativeGestureEvent* event);
  void take_pinch(QPinchGesture* pinch);
  void place_map();
  void note_cursor(std::optional<QPointF> place);
  [[nodiscard]] const viewmodels::MaskOverlay* shown_masks() const;
  [[nodiscard]] bool is_current() const { return slide_ && slide_ == studio_->current(); }
  [[nodiscard]] imaging::PointD l0_at(QPointF place) const { return view_.to_l0({place.x(), place.y()}); }
  [[nodiscard]] double reach_l0() const;
  [[nodiscard]] QTransform turn() const;

  void paint_all(QPainter& painter) const;
  void paint_pixels(QPainter& painter) const;
  void paint_field(QPainter& painter) const;
  void paint_heatmap(QPainter& painter) const;
  void paint_masks(QPainter& painter) const;
  void paint_tile_grid(QPainter& painter) const;
  void paint_hovered_tile(QPainter& painter) const;
  void paint_outlines(QPainter& painter) const;
  void paint_tissue(QPainter& painter) const;
  void paint_annotations(QPainter& painter) const;
  void paint_draft(QPainter& painter) const;
  void paint_scale_bar(QPainter& painter) const;
  void paint_crosshair(QPainter& painter) const;
  void paint_name(QPainter& painter) const;
  void paint_welcome(QPainter& painter) const;

  viewmodels::Studio* studio_;
  std::shared_ptr<const viewmodels::OpenSlide> slide_;
  viewmodels::SlideScene scene_;
  viewmodels::ViewTransform view_;
  viewmodels::AnnotationShapes shapes_;
  QMetaObject::Connection document_changed_, document_selected_, masks_changed_;
  QPointer<const viewmodels::MaskOverlay> masks_;
  QString caption_;
  OverviewMap* map_;
  bool map_shown_ = true;
  bool outlines_ = false;
  bool crosshair_ = false;
  bool one_of_many_ = false;
  bool active_ = true;
  std::optional<QPointF> cursor_;
  std::optional<imaging::RectD> hovered_tile_;
  std::optional<QPointF> dragged_from_;
  bool editing_ = false;  // the editor has the drag
  struct Moment {
    QPointF place;
    qint64 ms;
  };
  std::deque<Moment> drag_;  // its last moments
  QElapsedTimer clock_;
  QTimer zoom_timer_;
  QPointF zoom_about_;
  double zoom_left_ = 0;  // natural logarithm of the factor still to go
  QTimer glide_timer_;
  QPointF glide_;          // view pixels per ms
  mutable QImage buffer_;  // pixels on their way through the display settings
};

}  // namespace gui
