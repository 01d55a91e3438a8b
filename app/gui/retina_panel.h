#pragma once

#include <QWidget>
#include <utility>
#include <vector>

#include "app/viewmodels/retina_review.h"

class QCheckBox;
class QComboBox;
class QDoubleSpinBox;
class QLabel;
class QPushButton;

namespace gui {

/// Shares of 1 as labelled bars; a mark where a threshold lies.
class ShareBars : public QWidget {
  Q_OBJECT
 public:
  struct Bar {
    QString name;
    double share = 0;
    std::optional<double> mark = std::nullopt;
    bool is_emphasised = false;
    bool is_percent = true;
  };
  ShareBars(const char* object_name, const QString& accessible_name, QWidget* parent);
  void set_bars(std::vector<Bar> bars);
  [[nodiscard]] QSize sizeHint() const override;

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  [[nodiscard]] static QString value_words(const Bar& bar);
  std::vector<Bar> bars_;
};

/// A photograph of the retina: quality gate with its reasons and the override, referable score with its
/// threshold, risk of macular oedema, how the next grading is made, and both eyes side by side.
class RetinaPanel : public QWidget {
  Q_OBJECT
 public:
  RetinaPanel(viewmodels::RetinaReview* review, viewmodels::Studio* studio, QWidget* parent);

 Q_SIGNALS:
  void override_wanted();  ///< grade this ungradable photograph all the same

 private:
  void refresh();
  void refresh_grading();

  viewmodels::RetinaReview* review_;
  viewmodels::Studio* studio_;
  QWidget* grading_;
  QLabel* quality_;
  ShareBars* quality_bars_;
  QLabel* reasons_;
  QPushButton* override_;
  QLabel* referable_;
  ShareBars* referable_bar_;
  QLabel* oedema_;
  ShareBars* oedema_bars_;
  QDoubleSpinBox* threshold_;
  QComboBox* evidence_;
  QCheckBox* ungradable_;
  QPushButton* both_;
};

}  // namespace gui
