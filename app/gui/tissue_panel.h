#pragma once

#include <QWidget>
#include <functional>
#include <vector>

#include "app/viewmodels/tissue_preview.h"

class QCheckBox;
class QLabel;
class QPushButton;
class QToolButton;

namespace gui {

/// What counts as tissue: outlines on the slide, and a form of all options, which the next analysis takes.
class TissuePanel : public QWidget {
  Q_OBJECT
 public:
  TissuePanel(viewmodels::TissuePreview* tissue, QWidget* parent);

 private:
  void make_form();
  void refresh();

  viewmodels::TissuePreview* tissue_;
  QCheckBox* show_;
  QToolButton* options_;
  QPushButton* reset_;
  QLabel* words_;
  QWidget* form_;
  std::vector<std::function<void()>> refresh_fields_;
};

}  // namespace gui
