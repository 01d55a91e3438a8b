#pragma once

#include <QWidget>

#include "app/viewmodels/workbench.h"

class QPlainTextEdit;
class QProgressBar;
class QPushButton;
class QTableView;

namespace gui {

/// The jobs: how far they are, their log, and what can be done with them.
class JobsPanel : public QWidget {
  Q_OBJECT
 public:
  JobsPanel(viewmodels::Workbench* workbench, QWidget* parent);

 private:
  [[nodiscard]] int row() const;  ///< the chosen job, -1 for none
  void refresh();
  void refresh_log();

  viewmodels::Workbench* workbench_;
  QTableView* table_;
  QProgressBar* bar_;
  QPlainTextEdit* log_;
  QPushButton* cancel_;
  QPushButton* retry_;
  QPushButton* copy_;
  QPushButton* clear_;
};

}  // namespace gui
