#pragma once

#include <QWidget>

#include "app/viewmodels/studio.h"

class QCheckBox;
class QComboBox;
class QLabel;
class QSlider;

namespace gui {

/// Brightness, contrast, gamma, stain views and the fundus field: how pixels are shown.
class DisplayPanel : public QWidget {
  Q_OBJECT
 public:
  DisplayPanel(viewmodels::Studio* studio, QWidget* parent);

 private:
  void refresh();

  viewmodels::Studio* studio_;
  QComboBox* channel_;
  QSlider* brightness_;
  QSlider* contrast_;
  QSlider* gamma_;
  QLabel* brightness_value_;
  QLabel* contrast_value_;
  QLabel* gamma_value_;
  QCheckBox* field_;
};

}  // namespace gui
