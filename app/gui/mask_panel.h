#pragma once

#include <QWidget>
#include <vector>

#include "app/viewmodels/mask_overlay.h"

class QCheckBox;
class QComboBox;
class QGridLayout;
class QLabel;
class QSlider;
class QToolButton;

namespace gui {

/// How a segmentation is shown: opacity, and of each class whether, in which colour, as outline or fill.
class MaskPanel : public QWidget {
  Q_OBJECT
 public:
  MaskPanel(viewmodels::MaskOverlay* masks, QWidget* parent);

 private:
  struct Row {
    QCheckBox* shown;
    QToolButton* colour;
    QComboBox* style;
  };
  void refresh();
  void make_rows();
  void choose_colour(int index);

  viewmodels::MaskOverlay* masks_;
  QCheckBox* show_;
  QSlider* opacity_;
  QLabel* opacity_value_;
  QGridLayout* grid_;
  std::vector<Row> rows_;
};

}  // namespace gui
