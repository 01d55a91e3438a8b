#pragma once

#include <QSortFilterProxyModel>
#include <QWidget>

#include "app/viewmodels/workbench.h"

class QComboBox;
class QPushButton;
class QTableView;

namespace gui {

/// What one model says of the whole project: table, histogram, ROC curve and confusion matrix.
class CohortPanel : public QWidget {
  Q_OBJECT
 public:
  CohortPanel(viewmodels::Workbench* workbench, QWidget* parent);

 private:
  void refresh();
  void choose_export();

  viewmodels::Workbench* workbench_;
  QSortFilterProxyModel sorted_;
  QComboBox* models_;
  QComboBox* classes_;
  QPushButton* export_;
  QTableView* table_;
};

}  // namespace gui
