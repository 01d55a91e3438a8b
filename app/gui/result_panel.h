#pragma once

#include <QWidget>
#include <utility>
#include <vector>

#include "app/viewmodels/studio.h"

class QGridLayout;
class QLabel;
class QPushButton;
class QVBoxLayout;

namespace gui {

/// Class probabilities as labelled bars, the most probable emphasised.
class ProbabilityBars : public QWidget {
  Q_OBJECT
 public:
  explicit ProbabilityBars(QWidget* parent);
  void set_probabilities(std::vector<std::pair<std::string, double>> probabilities);
  [[nodiscard]] QSize sizeHint() const override;

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  std::vector<std::pair<std::string, double>> probabilities_;
};

/// Verdict, probabilities, warnings and facts of the current slide's analysis, and what its segmentation
/// measured.
class ResultPanel : public QWidget {
  Q_OBJECT
 public:
  ResultPanel(viewmodels::Studio* studio, QWidget* parent);

 private:
  void refresh();
  void add_result(const workflows::CaseResult& result);
  void add_masks(const workflows::CaseResult& masks);
  void add_warnings(const workflows::CaseResult& result);
  void add_fundus_facts(const workflows::CaseResult& result);
  void add_fact(const QString& name, const QString& value);

  viewmodels::Studio* studio_;
  QLabel* verdict_;
  QLabel* status_;
  ProbabilityBars* bars_;
  QVBoxLayout* warnings_;
  QGridLayout* facts_;
};

}  // namespace gui
