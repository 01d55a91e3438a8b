#pragma once

#include <QDialog>
#include <vector>

#include "app/viewmodels/workbench.h"

class QComboBox;
class QLabel;
class QLineEdit;
class QListView;
class QPlainTextEdit;
class QPushButton;
class QSpinBox;
class QTextBrowser;
class QVBoxLayout;

namespace gui {

/// Which model, and what it takes and refuses of the chosen files.
class AnalyseDialog : public QDialog {
  Q_OBJECT
 public:
  AnalyseDialog(viewmodels::Workbench* workbench, std::vector<std::int64_t> ids, QWidget* parent);

 private:
  void refresh_models();
  /// The first that takes most of the files; of equal ones a verdict before masks.
  [[nodiscard]] int usual_model(const std::vector<const workflows::ModelCard*>& usable) const;
  void refresh();

  viewmodels::Workbench* workbench_;
  std::vector<std::int64_t> ids_;
  viewmodels::AnalysisPlan plan_;
  QComboBox* models_;
  QTextBrowser* card_;
  QLabel* words_;
  QPlainTextEdit* refused_;
  QPushButton* start_;
  QPushButton* copy_;
};

/// The installed models: card, install, verify, remove.
class ModelsDialog : public QDialog {
  Q_OBJECT
 public:
  ModelsDialog(viewmodels::ModelShelf* shelf, QWidget* parent);

 private:
  [[nodiscard]] int row() const;
  void make_copy_menu();
  void refresh();
  void choose(bool is_folder);
  void confirm_removal();

  viewmodels::ModelShelf* shelf_;
  QListView* list_;
  QTextBrowser* card_;
  QPushButton* verify_;
  QPushButton* remove_;
  QPushButton* copy_;
};

/// The report as it prints, its sign-off and its export.
class ReportDialog : public QDialog {
  Q_OBJECT
 public:
  ReportDialog(viewmodels::Workbench* workbench, QWidget* parent);

 private:
  void refresh();
  void sign_off();
  void choose_export(const QString& suffix);

  viewmodels::Workbench* workbench_;
  QWidget* sheet_;
  QVBoxLayout* pages_;
  QLabel* state_;
  QLineEdit* reviewer_;
  QPlainTextEdit* note_;
  QPushButton* sign_;
  QPushButton* copy_;
  std::size_t shown_pages_ = 0;
};

/// Cache, threads, device, theme, language.
class PreferencesDialog : public QDialog {
  Q_OBJECT
 public:
  PreferencesDialog(viewmodels::Workbench* workbench, QWidget* parent);

 private:
  void take();

  viewmodels::Workbench* workbench_;
  QSpinBox* cache_;
  QSpinBox* threads_;
  QComboBox* device_;
  QComboBox* theme_;
  QComboBox* language_;
  QLabel* problem_;
};

}  // namespace gui
