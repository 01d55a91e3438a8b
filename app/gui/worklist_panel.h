#pragma once

#include <QTimer>
#include <QWidget>

#include "app/viewmodels/workbench.h"

class QComboBox;
class QLabel;
class QLineEdit;
class QPlainTextEdit;
class QPushButton;
class QTableView;
class QTabWidget;

namespace gui {

/// The open project: its files to sort, filter and open, and what is said of the chosen ones.
class WorklistPanel : public QWidget {
  Q_OBJECT
 public:
  WorklistPanel(viewmodels::Workbench* workbench, QWidget* parent);
  ~WorklistPanel() override;

  [[nodiscard]] std::vector<std::int64_t> selected() const;

 Q_SIGNALS:
  void analyse_wanted(const std::vector<std::int64_t>& ids);
  void add_wanted();
  void project_wanted();

 protected:
  void dragEnterEvent(QDragEnterEvent* event) override;
  void dropEvent(QDropEvent* event) override;

 private:
  QWidget* make_files_page();
  QWidget* make_details();
  void refresh();
  void refresh_details();
  void keep_notes();
  void remove_selected();
  void show_menu(const QPoint& place);

  viewmodels::Workbench* workbench_;
  QLabel* title_;
  QLabel* count_;
  QTabWidget* tabs_;
  QTableView* files_;
  QTableView* patients_;
  QWidget* empty_;
  QWidget* details_;
  QLineEdit* patient_;
  QComboBox* eye_;
  QComboBox* status_;
  QLineEdit* label_;
  QLineEdit* tags_;
  QPlainTextEdit* notes_;
  QPushButton* analyse_;
  QTimer draft_timer_;
  std::int64_t notes_of_ = 0;  // the item whose notes are in the field; 0 for none
  bool filling_ = false;
};

}  // namespace gui
