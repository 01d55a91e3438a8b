#pragma once

#include <QWidget>

#include "app/viewmodels/heatmap.h"

class QCheckBox;
class QComboBox;
class QLabel;
class QSlider;

namespace gui {

/// The heatmap's colours with the values they stand for, and the threshold marked.
class ColourBar : public QWidget {
  Q_OBJECT
 public:
  ColourBar(viewmodels::Heatmap* heatmap, QWidget* parent);
  [[nodiscard]] QSize sizeHint() const override { return {200, 36}; }

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  viewmodels::Heatmap* heatmap_;
};

/// How the heatmap is shown. Display only: nothing here changes a result.
class HeatmapPanel : public QWidget {
  Q_OBJECT
 public:
  HeatmapPanel(viewmodels::Heatmap* heatmap, QWidget* parent);

 private:
  void refresh();

  viewmodels::Heatmap* heatmap_;
  QCheckBox* show_;
  QComboBox* channel_;
  QLabel* channel_label_;
  QComboBox* values_;
  QComboBox* colormap_;
  QCheckBox* grid_lines_;
  QCheckBox* inside_;
  QSlider* opacity_;
  QLabel* opacity_value_;
  QSlider* threshold_;
  QLabel* threshold_value_;
};

}  // namespace gui
