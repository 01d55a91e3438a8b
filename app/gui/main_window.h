#pragma once

#include <QMainWindow>
#include <optional>

#include "app/gui/analysis_panel.h"
#include "app/gui/message_bar.h"
#include "app/gui/slide_view.h"
#include "app/gui/view_grid.h"
#include "app/viewmodels/retina_review.h"
#include "app/viewmodels/studio.h"

class QDockWidget;
class QLabel;
class QListView;

namespace gui {

class LookArea;

/// The studio's window. Holds no state of its own beyond its widgets.
class MainWindow : public QMainWindow {
  Q_OBJECT
 public:
  explicit MainWindow(viewmodels::Studio* studio);

  [[nodiscard]] SlideView* slide_view() { return grid_->active(); }  ///< the active one
  [[nodiscard]] ViewGrid* view_grid() { return grid_; }
  [[nodiscard]] QDockWidget* side_dock() { return side_dock_; }
  [[nodiscard]] LookArea* look_area() { return look_; }
  [[nodiscard]] AnalysisPanel* analysis_panel() { return analysis_; }
  [[nodiscard]] MessageBar* message_bar() { return messages_; }
  [[nodiscard]] viewmodels::RetinaReview* retina() { return retina_; }
  /// Puts window and docks where they were; a place that no screen shows any more is left for one that does.
  /// Call when all docks are there.
  void restore_place();
  /// Off where nobody is there to answer (a scripted run).
  void set_asks_for_scale(bool on) { asks_for_scale_ = on; }

 protected:
  void dragEnterEvent(QDragEnterEvent* event) override;
  void dropEvent(QDropEvent* event) override;
  void closeEvent(QCloseEvent* event) override;

 private:
  void make_actions();
  void make_side_panel();
  void make_status_bar();
  void choose_files();
  void choose_results_folder();
  void choose_export();
  void ask_scale();
  void confirm_override();
  void refresh();
  void refresh_zoom();
  void show_position(std::optional<imaging::PointD> l0);

  viewmodels::Studio* studio_;
  viewmodels::RetinaReview* retina_;
  bool keeps_place_ = false;
  bool asks_for_scale_ = true;
  MessageBar* messages_;
  ViewGrid* grid_;
  LookArea* look_;
  QDockWidget* side_dock_ = nullptr;
  AnalysisPanel* analysis_;
  QWidget* tissue_box_;
  QWidget* gallery_box_;
  QListView* gallery_;
  QLabel* position_;
  QLabel* zoom_;
  QAction* close_;
  QAction* reopen_;
  QAction* export_;
  QAction* heatmap_;
  QAction* masks_;
  QAction* tiles_;
  QAction* outlines_;
  QAction* map_;
};

}  // namespace gui
