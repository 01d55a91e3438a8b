#include "app/gui/adapt_panel.h"

#include <QCheckBox>
#include <QClipboard>
#include <QComboBox>
#include <QFileDialog>
#include <QFormLayout>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QMessageBox>
#include <QPushButton>
#include <QSignalBlocker>
#include <QSpinBox>
#include <QTableView>
#include <QToolButton>
#include <QVBoxLayout>
#include <algorithm>

#include "app/gui/named.h"
#include "app/gui/theme.h"

namespace gui {
namespace {

using viewmodels::Adaptation;

constexpr int kMostSteps = 100000;
constexpr int kUsualSteps = 200;
constexpr int kFigureRow = 22;

}  // namespace

AdaptPanel::AdaptPanel(viewmodels::Workbench* workbench, QWidget* parent)
    : QWidget(parent), workbench_(workbench), adaptation_(workbench->adaptation()) {
  setObjectName("adapt_panel");
  auto* note =
      new QLabel(tr("Fits a segmenter to the pictures of another camera or scanner, without labels. The "
                    "package it begins at is not changed."),
                 this);
  note->setWordWrap(true);
  make_quiet(note);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(14, 10, 14, 12);
  column->addWidget(make_heading(tr("Adapt a segmenter"), this));
  column->addWidget(note);
  column->addWidget(make_form());
  column->addWidget(outcome_ = make_outcome());
  column->addStretch(1);
  connect(adaptation_, &Adaptation::changed, this, &AdaptPanel::refresh);
  connect(workbench_->jobs(), &viewmodels::JobQueue::changed, this, &AdaptPanel::refresh);
  refresh();
}

QWidget* AdaptPanel::make_form() {
  auto* box = new QWidget(this);
  box->setObjectName("adapt_form");
  models_ =
      named(new QComboBox(box), "adapt_model", tr("Segmenter"), tr("The installed segmenter to begin at"));
  models_->setPlaceholderText(tr("No segmenter is installed"));
  models_->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  folder_ = new QLabel(box);
  folder_->setObjectName("adapt_folder");
  folder_->setAccessibleName(tr("Folder of pictures"));
  folder_->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
  auto* folder_button =
      named(new QToolButton(box), "adapt_folder_button", tr("Choose the folder of pictures"),
            tr("Choose the folder of pictures to adapt to; no labels are needed"));
  folder_button->setText("…");
  method_ =
      named(new QComboBox(box), "adapt_method", tr("Method"), tr("What is changed, and by which pictures"));
  for (const auto& method : Adaptation::methods()) method_->addItem(Adaptation::method_words(method), method);
  method_->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  method_->setCurrentIndex(method_->findData(QStringLiteral("osuda")));
  steps_ = named(new QSpinBox(box), "adapt_steps", tr("Steps"), tr("Steps of the adaptation"));
  steps_->setRange(1, kMostSteps);
  steps_->setValue(kUsualSteps);
  steps_->setKeyboardTracking(false);
  steps_label_ = new QLabel(tr("Steps"), box);
  guard_ =
      named(new QComboBox(box), "adapt_guard", tr("Where a monitor trips"),
            tr("Monitors watch entropy, class shares and agreement; where one trips, the source comes back"));
  guard_->addItems({tr("roll back to the source"), tr("only warn")});
  guard_->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  per_site_ =
      named(new QCheckBox(tr("Each site by itself"), box), "adapt_per_site", tr("Each site by itself"),
            tr("A package for each site of a table, each beginning at the source"));
  table_ = named(new QToolButton(box), "adapt_table", tr("Table of sites"),
                 tr("CSV with the columns file and site"));
  table_->setText(tr("Table…"));
  state_ = new QLabel(box);
  state_->setObjectName("adapt_state");
  state_->setWordWrap(true);
  make_quiet(state_);
  start_ = make_button("adapt_start", tr("Adapt"), {}, box);
  copy_ = make_button("adapt_copy", tr("Copy as command line"),
                      tr("Copy the tessera command that does the same"), box);
  auto* folder_row = new QHBoxLayout;
  folder_row->addWidget(folder_, 1);
  folder_row->addWidget(folder_button);
  auto* site_row = new QHBoxLayout;
  site_row->addWidget(per_site_, 1);
  site_row->addWidget(table_);
  auto* buttons = new QHBoxLayout;
  buttons->addWidget(start_, 1);
  buttons->addWidget(copy_);
  auto* form = new QFormLayout(box);
  form->setContentsMargins(0, 0, 0, 0);
  form->setRowWrapPolicy(QFormLayout::WrapLongRows);
  form->addRow(tr("Segmenter"), models_);
  form->addRow(tr("Pictures"), folder_row);
  form->addRow(tr("Method"), method_);
  form->addRow(steps_label_, steps_);
  form->addRow(tr("Monitors"), guard_);
  form->addRow(site_row);
  form->addRow(state_);
  form->addRow(buttons);
  connect(models_, &QComboBox::activated, this,
          [this] { adaptation_->set_model(models_->currentData().toString().toStdString()); });
  connect(folder_button, &QToolButton::clicked, this, &AdaptPanel::choose_folder);
  connect(method_, &QComboBox::activated, this,
          [this] { adaptation_->set_method(method_->currentData().toString().toStdString()); });
  connect(steps_, &QSpinBox::valueChanged, adaptation_, &Adaptation::set_steps);
  connect(guard_, &QComboBox::activated, this,
          [this](int index) { adaptation_->set_only_warns(index == 1); });
  connect(per_site_, &QCheckBox::clicked, this, [this](bool on) {
    adaptation_->set_per_site(on, table_file_);
    if (on && table_file_.empty()) choose_table();
  });
  connect(table_, &QToolButton::clicked, this, &AdaptPanel::choose_table);
  connect(start_, &QPushButton::clicked, adaptation_, &Adaptation::start);
  connect(copy_, &QPushButton::clicked, this, [this] {
    QGuiApplication::clipboard()->setText(adaptation_->command_line());
    Q_EMIT workbench_->notice(tr("The command is in the clipboard."), viewmodels::Studio::Tone::info);
  });
  return box;
}

QWidget* AdaptPanel::make_outcome() {
  auto* box = new QWidget(this);
  box->setObjectName("adapt_outcome");
  sites_ = named(new QComboBox(box), "adapt_site", tr("Site"), tr("The site whose adaptation is shown"));
  const auto add_verdict = [box](const char* name) {
    auto* label = new QLabel(box);
    label->setObjectName(name);
    label->setAccessibleName(tr("What the monitors say"));
    label->setWordWrap(true);
    return label;
  };
  verdict_ = add_verdict("adapt_verdict");
  warning_ = add_verdict("adapt_warning");
  warning_->setProperty("warning", true);
  figures_ = named(new QTableView(box), "adapt_figures", tr("Monitors before and after"),
                   tr("What the monitors read on pictures of the folder, for the source and for the adapted "
                      "segmenter"));
  figures_->setModel(adaptation_->figures());
  figures_->setSelectionMode(QAbstractItemView::NoSelection);
  figures_->setShowGrid(false);
  figures_->setTabKeyNavigation(false);
  figures_->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  figures_->setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  figures_->verticalHeader()->hide();
  figures_->verticalHeader()->setDefaultSectionSize(kFigureRow);
  figures_->horizontalHeader()->setSectionResizeMode(QHeaderView::ResizeToContents);
  figures_->horizontalHeader()->setSectionResizeMode(0, QHeaderView::Stretch);
  figures_->horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
  compare_ =
      make_button("adapt_compare", tr("Before and after"),
                  tr("Segment the open picture by both, and show them side by side in linked views"), box);
  use_ = make_button("adapt_use", tr("Use the adapted package"),
                     tr("Analyse with the adapted package from now on"), box);
  back_ = make_button("adapt_back", tr("Return to the parent package"),
                      tr("Analyse with the package that the adaptation began at; no file is touched"), box);
  reset_ = make_button("adapt_reset", tr("Begin this site again…"),
                       tr("Remove this adaptation, so that the next one begins at the source"), box);
  auto* column = new QVBoxLayout(box);
  column->setContentsMargins(0, 8, 0, 0);
  column->addWidget(make_heading(tr("What came of it"), box));
  column->addWidget(sites_);
  column->addWidget(verdict_);
  column->addWidget(warning_);
  column->addWidget(figures_);
  for (auto* button : {compare_, use_, back_, reset_}) column->addWidget(button);
  connect(sites_, &QComboBox::activated, adaptation_, &Adaptation::show_record);
  connect(compare_, &QPushButton::clicked, adaptation_, &Adaptation::compare);
  connect(use_, &QPushButton::clicked, adaptation_, &Adaptation::use);
  connect(back_, &QPushButton::clicked, adaptation_, &Adaptation::return_to_parent);
  connect(reset_, &QPushButton::clicked, this, &AdaptPanel::confirm_reset);
  return box;
}

void AdaptPanel::refresh() {
  const QSignalBlocker blocker(models_);
  models_->clear();
  for (const auto* card : adaptation_->segmenters())
    models_->addItem(QString::fromStdString(card->name), QString::fromStdString(card->path.string()));
  models_->setCurrentIndex(models_->findData(QString::fromStdString(adaptation_->model())));
  const auto folder = QString::fromStdString(adaptation_->folder().string());
  folder_->setText(folder.isEmpty() ? tr("no folder chosen")
                                    : QString::fromStdString(adaptation_->folder().filename().string()));
  folder_->setToolTip(folder);
  const bool has_steps = Adaptation::takes_steps(method_->currentData().toString());
  steps_->setVisible(has_steps);
  steps_label_->setVisible(has_steps);
  table_->setVisible(per_site_->isChecked());
  table_->setText(table_file_.empty() ? tr("Table…")
                                      : QString::fromStdString(table_file_.filename().string()));
  const auto hindrance = adaptation_->hindrance();
  start_->setEnabled(hindrance.isEmpty());
  start_->setToolTip(hindrance.isEmpty() ? tr("Put this adaptation into the queue") : hindrance);
  copy_->setEnabled(hindrance.isEmpty());
  state_->setText(hindrance);
  state_->setVisible(!hindrance.isEmpty());
  refresh_outcome();
}

void AdaptPanel::refresh_outcome() {
  const auto* record = adaptation_->record();
  outcome_->setVisible(record != nullptr);
  if (record == nullptr) return;
  const QSignalBlocker blocker(sites_);
  sites_->clear();
  for (const auto& one : adaptation_->records())
    sites_->addItem(one.is_rolled_back ? tr("%1 (rolled back)").arg(one.site) : one.site);
  sites_->setCurrentIndex(adaptation_->shown_record());
  sites_->setVisible(!record->site.isEmpty());
  for (auto* label : {verdict_, warning_}) label->setText(adaptation_->verdict());
  verdict_->setVisible(record->tripped.isEmpty());
  warning_->setVisible(!record->tripped.isEmpty());
  figures_->setFixedHeight(figures_->horizontalHeader()->sizeHint().height() +
                           kFigureRow * adaptation_->figures()->rowCount() + 4);
  const auto hindrance = adaptation_->compare_hindrance();
  compare_->setEnabled(hindrance.isEmpty());
  compare_->setToolTip(
      hindrance.isEmpty() ? tr("Segment the open picture by both, and show them side by side in linked views")
                          : hindrance);
  use_->setEnabled(!adaptation_->is_in_use() && !record->is_rolled_back);
  back_->setEnabled(adaptation_->is_in_use());
  reset_->setEnabled(!workbench_->jobs()->is_busy());
}

void AdaptPanel::choose_folder() {
  auto* dialog = new QFileDialog(this, tr("Folder of pictures to adapt to"),
                                 QString::fromStdString(adaptation_->folder().string()));
  dialog->setObjectName("adapt_folder_dialog");
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setFileMode(QFileDialog::Directory);
  dialog->setOption(QFileDialog::ShowDirsOnly);
  connect(dialog, &QFileDialog::fileSelected, this,
          [this](const QString& folder) { adaptation_->set_folder(folder.toStdString()); });
  dialog->open();
}

void AdaptPanel::choose_table() {
  auto* dialog = new QFileDialog(this, tr("Table with the columns “file” and “site”"),
                                 QString::fromStdString(adaptation_->folder().string()));
  dialog->setObjectName("adapt_table_dialog");
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setFileMode(QFileDialog::ExistingFile);
  dialog->setNameFilters({tr("CSV (*.csv)"), tr("All files (*)")});
  connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& file) {
    table_file_ = file.toStdString();
    adaptation_->set_per_site(per_site_->isChecked(), table_file_);
  });
  dialog->open();
}

void AdaptPanel::confirm_reset() {
  const auto* record = adaptation_->record();
  if (record == nullptr) return;
  auto* box = new QMessageBox(QMessageBox::Question, tr("Begin again?"),
                              tr("The adapted package in %1 is removed, with its figures. The parent package "
                                 "stays.")
                                  .arg(QString::fromStdString(record->run_folder.filename().string())),
                              QMessageBox::NoButton, this);
  box->setObjectName("adapt_reset_box");
  box->setAttribute(Qt::WA_DeleteOnClose);
  auto* yes = box->addButton(tr("Remove it"), QMessageBox::DestructiveRole);
  yes->setObjectName("adapt_reset_yes");
  auto* no = box->addButton(QMessageBox::Cancel);
  no->setObjectName("adapt_reset_no");
  box->setDefaultButton(no);
  connect(yes, &QAbstractButton::clicked, adaptation_, &Adaptation::reset_site);
  box->open();
}

}  // namespace gui
