#pragma once

#include <QObject>
#include <filesystem>
#include <optional>

#include "app/gui/main_window.h"
#include "app/gui/worklist_panel.h"
#include "app/viewmodels/workbench.h"

class QAction;
class QDockWidget;
class QMenu;

namespace gui {

/// Adds the working half to the studio's window: menus, the worklist on the left, jobs and cohort below, and
/// the dialogs. Holds no state of its own beyond its widgets.
class WorkArea : public QObject {
  Q_OBJECT
 public:
  WorkArea(viewmodels::Workbench* workbench, MainWindow* window);

  [[nodiscard]] viewmodels::Workbench* workbench() { return workbench_; }

 protected:
  /// Takes folders that are dropped on the window, and stops the queue where the window closes.
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  [[nodiscard]] bool take_dropped(const QStringList& paths);
  QDockWidget* add_dock(const char* object_name, const QString& title, QWidget* content,
                        Qt::DockWidgetArea area);
  void make_menus();
  void fill_recent();
  void refresh();
  void choose_project();
  void choose_files(bool is_folder);
  void choose_table();
  void show_analyse(const std::vector<std::int64_t>& ids);
  /// @param case_folder  of the current slide, where it has one
  void show_report(const std::optional<std::filesystem::path>& case_folder);
  void show_comparison();
  void show_associated();

  viewmodels::Workbench* workbench_;
  MainWindow* window_;
  WorklistPanel* worklist_;
  QDockWidget* worklist_dock_;
  QDockWidget* jobs_dock_;
  QDockWidget* cohort_dock_;
  QDockWidget* adapt_dock_;
  QMenu* recent_ = nullptr;
  QAction* add_files_ = nullptr;
  QAction* add_folder_ = nullptr;
  QAction* find_missing_ = nullptr;
  QAction* table_ = nullptr;
  QAction* analyse_all_ = nullptr;
  QAction* report_ = nullptr;
  QAction* mask_report_ = nullptr;
  QAction* associated_ = nullptr;
  QAction* copy_command_ = nullptr;
};

}  // namespace gui
