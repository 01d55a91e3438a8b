#pragma once

#include <QWidget>
#include <filesystem>

#include "app/viewmodels/workbench.h"

class QCheckBox;
class QComboBox;
class QLabel;
class QPushButton;
class QSpinBox;
class QTableView;
class QToolButton;

namespace gui {

/// Adapts a segmenter to a folder of pictures: which, how, what came of it, and the ways back.
class AdaptPanel : public QWidget {
  Q_OBJECT
 public:
  AdaptPanel(viewmodels::Workbench* workbench, QWidget* parent);

 private:
  QWidget* make_form();
  QWidget* make_outcome();
  void refresh();
  void refresh_outcome();
  void choose_folder();
  void choose_table();
  void confirm_reset();

  viewmodels::Workbench* workbench_;
  viewmodels::Adaptation* adaptation_;
  QComboBox* models_;
  QLabel* folder_;
  QComboBox* method_;
  QLabel* steps_label_;
  QSpinBox* steps_;
  QComboBox* guard_;
  QCheckBox* per_site_;
  QToolButton* table_;
  QLabel* state_;
  QPushButton* start_;
  QPushButton* copy_;
  QWidget* outcome_;
  QComboBox* sites_;
  QLabel* verdict_;
  QLabel* warning_;  ///< the same, where a monitor tripped
  QTableView* figures_;
  QPushButton* compare_;
  QPushButton* use_;
  QPushButton* back_;
  QPushButton* reset_;
  std::filesystem::path table_file_;
};

}  // namespace gui
