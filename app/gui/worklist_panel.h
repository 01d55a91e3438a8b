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
  /// Asks for a folder and looks there for the files that are missing.
  void find_missing();

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
  void find_file(std::int64_t id);
  void show_menu(const QPoint& place);

  viewmodels::Workbench* workbench_;
  QLabel* title_;
  QLabel* count_;
  QTabWidget* tabs_;
  QTableView* files_;
  QTableView* patients_;
  QWidget* empty_;
  QPushButton* missing_;
  QWidget* details_;
  QLineEdit* patient_;
  QComboBox* eye_;
  QComboBox* status_;
  QLineEdit* label_;
  QLineEdit* tags_;
  QPlainTextEdit* notes_;
  QPushButton* analyse_;
  QTimer draft_timer_;
  std::int64_t notes_of_ = 0;             // the item whose notes are in the field; 0 for none
  std::vector<std::int64_t> filled_for_;  // the items whose facts are in the fields
  bool filling_ = false;
};

}  // namespace gui
