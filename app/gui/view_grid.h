#pragma once

#include <QWidget>
#include <map>
#include <vector>

#include "app/gui/slide_view.h"

class QGridLayout;

namespace gui {

/// One, two or four canvases of the same or of different slides. The active one shows the studio's current
/// slide: press another and its slide becomes the current one. Linked, they move, zoom and turn together by
/// the same amounts, so that each keeps the place it was brought to.
class ViewGrid : public QWidget {
  Q_OBJECT
 public:
  ViewGrid(viewmodels::Studio* studio, QWidget* parent);

  [[nodiscard]] SlideView* active() const { return active_; }
  [[nodiscard]] const std::vector<SlideView*>& views() const { return views_; }
  /// @param count  1, 2 or 4. Each shows the studio's segmentation of its slide again.
  void set_count(int count);
  /// Two linked views of these slides; the first becomes the current one.
  void show_pair(const std::shared_ptr<viewmodels::OpenSlide>& left,
                 const std::shared_ptr<viewmodels::OpenSlide>& right);
  /// Two linked views of the current slide, each under a segmentation of its own. They must outlive the grid.
  void compare_masks(const viewmodels::MaskOverlay* left, const QString& left_caption,
                     const viewmodels::MaskOverlay* right, const QString& right_caption);
  [[nodiscard]] bool is_linked() const { return linked_; }
  void set_linked(bool linked);

 Q_SIGNALS:
  // What the active view says.
  void active_changed();
  void view_changed();
  void cursor_moved(std::optional<imaging::PointD> l0);
  void outlines_changed(bool on);
  void map_shown_changed(bool on);
  void crosshair_changed(bool on);
  void count_changed(int count);
  void linked_changed(bool linked);
  void hint(const QString& sentence);

 private:
  SlideView* add_view();
  void activate(SlideView* view);
  void take_current();
  void spread(SlideView* view);
  void mark_active();

  viewmodels::Studio* studio_;
  QGridLayout* grid_;
  std::vector<SlideView*> views_;
  SlideView* active_;
  std::map<const SlideView*, viewmodels::ViewTransform> places_;  // as last seen, for the link
  bool linked_ = true;
  bool is_spreading_ = false;
};

}  // namespace gui
