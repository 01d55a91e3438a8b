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
  void set_count(int count);  ///< 1, 2 or 4
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
