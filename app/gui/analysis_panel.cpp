#include "app/gui/analysis_panel.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QProgressBar>
#include <QPushButton>
#include <QSignalBlocker>
#include <QToolButton>
#include <QVBoxLayout>
#include <algorithm>

#include "app/gui/theme.h"
#include "app/viewmodels/wording.h"

namespace gui {

AnalysisPanel::AnalysisPanel(viewmodels::Studio* studio, QWidget* parent)
    : QWidget(parent),
      studio_(studio),
      slides_(new QComboBox(this)),
      facts_(new QLabel(this)),
      scale_(new QPushButton(tr("Set scale…"), this)),
      models_(new QComboBox(this)),
      folder_(new QLabel(this)),
      analyse_(new QPushButton(tr("Analyse"), this)),
      cancel_(new QPushButton(tr("Cancel"), this)),
      bar_(new QProgressBar(this)),
      progress_(new QLabel(this)) {
  setObjectName("analysis_panel");
  slides_->setObjectName("slide_chooser");
  slides_->setAccessibleName(tr("Open slides"));
  slides_->setToolTip(tr("The open slides; choose the one to look at"));
  slides_->setModel(studio_->slides());
  slides_->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  facts_->setObjectName("slide_facts");
  facts_->setWordWrap(true);
  make_quiet(facts_);
  scale_->setObjectName("set_scale");
  scale_->setToolTip(tr("Say how many µm a pixel of this image is wide"));
  models_->setObjectName("model_chooser");
  models_->setAccessibleName(tr("Model"));
  models_->setToolTip(tr("The model to analyse with"));
  models_->setPlaceholderText(tr("No model installed"));
  models_->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  folder_->setObjectName("results_folder");
  make_quiet(folder_);
  folder_->setAccessibleName(tr("Where the results go"));
  folder_->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
  auto* folder_button = new QToolButton(this);
  folder_button->setObjectName("results_folder_button");
  folder_button->setText("…");
  folder_button->setToolTip(tr("Choose where results go"));
  folder_button->setAccessibleName(tr("Choose where results go"));
  analyse_->setObjectName("analyse");
  cancel_->setObjectName("cancel");
  cancel_->setToolTip(tr("Stop the running analysis"));
  bar_->setObjectName("progress_bar");
  bar_->setAccessibleName(tr("Progress of the analysis"));
  bar_->setTextVisible(false);
  progress_->setObjectName("progress_words");
  make_quiet(progress_);
  progress_->setWordWrap(true);

  auto* folder_row = new QHBoxLayout;
  folder_row->addWidget(folder_, 1);
  folder_row->addWidget(folder_button);
  auto* buttons = new QHBoxLayout;
  buttons->addWidget(analyse_, 1);
  buttons->addWidget(cancel_);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->addWidget(make_heading(tr("Slide"), this));
  column->addWidget(slides_);
  column->addWidget(facts_);
  column->addWidget(scale_, 0, Qt::AlignLeft);
  column->addSpacing(6);
  column->addWidget(make_heading(tr("Model"), this));
  column->addWidget(models_);
  column->addLayout(folder_row);
  column->addLayout(buttons);
  column->addWidget(bar_);
  column->addWidget(progress_);

  QWidget* before = slides_;
  for (QWidget* next : std::initializer_list<QWidget*>{scale_, models_, folder_button, analyse_, cancel_}) {
    setTabOrder(before, next);
    before = next;
  }
  connect(slides_, &QComboBox::activated, studio_, &viewmodels::Studio::set_current);
  connect(scale_, &QPushButton::clicked, this, &AnalysisPanel::scale_wanted);
  connect(folder_button, &QToolButton::clicked, this, &AnalysisPanel::results_folder_wanted);
  connect(analyse_, &QPushButton::clicked, this, &AnalysisPanel::analyse);
  connect(cancel_, &QPushButton::clicked, studio_->analysis(), &viewmodels::Analysis::cancel);
  connect(models_, &QComboBox::currentIndexChanged, this, &AnalysisPanel::refresh_state);
  connect(studio_, &viewmodels::Studio::current_changed, this, &AnalysisPanel::refresh_slide);
  connect(studio_, &viewmodels::Studio::scale_changed, this, &AnalysisPanel::refresh_slide);
  connect(studio_, &viewmodels::Studio::models_changed, this, &AnalysisPanel::refresh_models);
  connect(studio_, &viewmodels::Studio::model_wanted, this, &AnalysisPanel::choose_model);
  connect(studio_->analysis(), &viewmodels::Analysis::changed, this, &AnalysisPanel::refresh_state);
  refresh_models();
  refresh_slide();
}

void AnalysisPanel::analyse() {
  const auto row = models_->currentIndex();
  if (!studio_->analyse_hindrance().isEmpty() || row < 0) return;
  studio_->analyse(studio_->models()[static_cast<std::size_t>(row)].reference, output_);
}

bool AnalysisPanel::choose_model(const QString& name_or_path) {
  for (std::size_t row = 0; row < studio_->models().size(); ++row) {
    const auto& model = studio_->models()[row];
    if (model.name != name_or_path && QString::fromStdString(model.reference) != name_or_path) continue;
    models_->setCurrentIndex(static_cast<int>(row));
    return true;
  }
  return false;
}

void AnalysisPanel::refresh_models() {
  const QSignalBlocker blocker(models_);
  const auto before = models_->currentData().toString();
  models_->clear();
  for (const auto& model : studio_->models()) {
    models_->addItem(model.name, QString::fromStdString(model.reference));
    models_->setItemData(models_->count() - 1, model.tip, Qt::ToolTipRole);
  }
  auto chosen = before.isEmpty() ? -1 : models_->findData(before);
  if (chosen < 0) {  // a box with a placeholder chooses none by itself
    const auto usual = std::ranges::find(studio_->models(), false, &viewmodels::ModelChoice::is_segmenter);
    chosen = usual != studio_->models().end() ? static_cast<int>(usual - studio_->models().begin())
                                              : std::min(0, models_->count() - 1);
  }
  models_->setCurrentIndex(chosen);
  choose_fitting_model();
  refresh_state();
}

void AnalysisPanel::choose_fitting_model() {
  const auto slide = studio_->current();
  const auto& models = studio_->models();
  const auto row = models_->currentIndex();
  const auto fits = [&](const viewmodels::ModelChoice& model) {
    return model.is_segmenter ? &model == &models[static_cast<std::size_t>(row)]  // chosen by hand: it stays
                              : model.is_for_fundus == slide->is_fundus;
  };
  if (!slide || row < 0 || fits(models[static_cast<std::size_t>(row)])) return;
  const auto found = std::ranges::find_if(models, fits);
  if (found != models.end()) models_->setCurrentIndex(static_cast<int>(found - models.begin()));
}

void AnalysisPanel::refresh_slide() {
  const auto slide = studio_->current();
  const QSignalBlocker blocker(slides_);
  slides_->setCurrentIndex(studio_->current_row());
  slides_->setEnabled(studio_->slides()->rowCount() > 0);
  slides_->setPlaceholderText(tr("No slide is open"));
  facts_->setText(slide ? viewmodels::slide_summary(*slide) : QString{});
  facts_->setVisible(slide != nullptr);
  scale_->setVisible(slide && !slide->reader->info().scale);
  choose_fitting_model();
  refresh_state();
}

void AnalysisPanel::refresh_state() {
  const auto chosen = models_->currentIndex();
  studio_->set_chosen_model(
      chosen < 0 ? std::string{} : studio_->models()[static_cast<std::size_t>(chosen)].reference, output_);
  const auto* analysis = studio_->analysis();
  const auto hindrance = studio_->analyse_hindrance();
  analyse_->setEnabled(hindrance.isEmpty());
  analyse_->setToolTip(hindrance.isEmpty() ? tr("Run the chosen model on this slide (Ctrl+Return)")
                                           : hindrance);
  cancel_->setEnabled(analysis->is_running() && !analysis->is_cancelling());
  cancel_->setVisible(analysis->is_running());
  bar_->setVisible(analysis->is_running());
  progress_->setVisible(analysis->is_running());
  const auto permille = analysis->permille();
  bar_->setRange(0, permille < 0 ? 0 : 1000);  // 0 to 0: busy, end unknown
  bar_->setValue(permille);
  progress_->setText(analysis->progress_words());

  const auto results = studio_->preferences().results_folder();
  const auto folder = output_   ? QString::fromStdString(output_->filename().string())
                      : results ? QString::fromStdString(results->filename().string())
                                : tr("“Tessera results” beside the slide");
  folder_->setText(tr("Results: %1").arg(folder));
  const auto slide = studio_->current();
  if (slide) {
    const auto out = output_ ? *output_ : viewmodels::output_folder(slide->path(), results);
    folder_->setToolTip(QString::fromStdString(out.string()));
  }
}

}  // namespace gui
