#pragma once

#include <QWidget>
#include <filesystem>
#include <optional>

#include "app/viewmodels/studio.h"

class QComboBox;
class QLabel;
class QProgressBar;
class QPushButton;

namespace gui {

/// Which slide, which model, where to: and the button.
class AnalysisPanel : public QWidget {
  Q_OBJECT
 public:
  AnalysisPanel(viewmodels::Studio* studio, QWidget* parent);

  void analyse();
  /// The output folder of the next analysis instead of the slide's own.
  void set_output(std::filesystem::path out) { output_ = std::move(out); }
  /// Chooses a model by its name or path. False where it is not among the installed ones.
  bool choose_model(const QString& name_or_path);

 Q_SIGNALS:
  void scale_wanted();
  void results_folder_wanted();

 private:
  void refresh_slide();
  void
  choose_fitting_model();  ///< where the chosen one is for slides and this is a photograph, or vice versa
  void refresh_models();
  void refresh_state();

  viewmodels::Studio* studio_;
  std::optional<std::filesystem::path> output_;
  QComboBox* slides_;
  QLabel* facts_;
  QPushButton* scale_;
  QComboBox* models_;
  QLabel* folder_;
  QPushButton* analyse_;
  QPushButton* cancel_;
  QProgressBar* bar_;
  QLabel* progress_;
};

}  // namespace gui
