#pragma once

#include <QWidget>

#include "app/viewmodels/cohort.h"

namespace gui {

/// Probabilities of the shown class in ten bins; stacked by label where labels are known.
class HistogramView : public QWidget {
  Q_OBJECT
 public:
  HistogramView(viewmodels::Cohort* cohort, QWidget* parent);
  [[nodiscard]] QSize minimumSizeHint() const override { return {200, 140}; }

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  viewmodels::Cohort* cohort_;
};

/// ROC curve of the shown class against the rest, with its area.
class RocView : public QWidget {
  Q_OBJECT
 public:
  RocView(viewmodels::Cohort* cohort, QWidget* parent);
  [[nodiscard]] QSize minimumSizeHint() const override { return {160, 140}; }

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  viewmodels::Cohort* cohort_;
};

/// Counts of true against decided classes.
class ConfusionView : public QWidget {
  Q_OBJECT
 public:
  ConfusionView(viewmodels::Cohort* cohort, QWidget* parent);
  [[nodiscard]] QSize minimumSizeHint() const override { return {160, 140}; }

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  viewmodels::Cohort* cohort_;
};

}  // namespace gui
