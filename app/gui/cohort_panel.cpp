#include "app/gui/cohort_panel.h"

#include <QComboBox>
#include <QFileDialog>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QSplitter>
#include <QTableView>
#include <QVBoxLayout>

#include "app/gui/cohort_plots.h"

namespace gui {

using viewmodels::Cohort;

CohortPanel::CohortPanel(viewmodels::Workbench* workbench, QWidget* parent)
    : QWidget(parent),
      workbench_(workbench),
      models_(new QComboBox(this)),
      classes_(new QComboBox(this)),
      export_(new QPushButton(tr("Export CSV…"), this)),
      table_(new QTableView(this)) {
  setObjectName("cohort_panel");
  auto* cohort = workbench_->cohort();
  models_->setObjectName("cohort_model");
  models_->setAccessibleName(tr("Model of the cohort"));
  models_->setToolTip(tr("The model whose results are shown"));
  models_->setSizeAdjustPolicy(QComboBox::AdjustToContents);
  models_->setPlaceholderText(tr("No results yet"));
  classes_->setObjectName("cohort_class");
  classes_->setAccessibleName(tr("Class of histogram and curve"));
  classes_->setToolTip(tr("The class of the histogram and of the ROC curve"));
  classes_->setSizeAdjustPolicy(QComboBox::AdjustToContents);
  export_->setObjectName("cohort_export");
  export_->setToolTip(tr("Save this table, in this order, as CSV"));
  sorted_.setSourceModel(cohort);
  sorted_.setSortRole(Cohort::kSortRole);
  sorted_.setSortCaseSensitivity(Qt::CaseInsensitive);
  table_->setObjectName("cohort_table");
  table_->setAccessibleName(tr("Results of the cohort"));
  table_->setToolTip(tr("Click a heading to sort; double-click a row to open its file"));
  table_->setModel(&sorted_);
  table_->setSelectionBehavior(QAbstractItemView::SelectRows);
  table_->setEditTriggers(QAbstractItemView::NoEditTriggers);
  table_->setSortingEnabled(true);
  table_->sortByColumn(-1, Qt::AscendingOrder);
  table_->setShowGrid(false);
  table_->setTabKeyNavigation(false);
  table_->verticalHeader()->hide();
  table_->verticalHeader()->setDefaultSectionSize(24);
  table_->horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
  auto* head = new QHBoxLayout;
  head->addWidget(models_);
  head->addWidget(classes_);
  head->addStretch(1);
  head->addWidget(export_);
  auto* left = new QWidget(this);
  auto* left_column = new QVBoxLayout(left);
  left_column->setContentsMargins(0, 0, 0, 0);
  left_column->addLayout(head);
  left_column->addWidget(table_, 1);
  auto* plots = new QWidget(this);
  auto* row = new QHBoxLayout(plots);
  row->setContentsMargins(0, 0, 0, 0);
  row->addWidget(new HistogramView(cohort, plots), 4);
  row->addWidget(new RocView(cohort, plots), 3);
  row->addWidget(new ConfusionView(cohort, plots), 3);
  auto* split = new QSplitter(Qt::Horizontal, this);
  split->setObjectName("cohort_split");
  split->addWidget(left);
  split->addWidget(plots);
  split->setStretchFactor(0, 1);
  split->setStretchFactor(1, 1);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(10, 8, 10, 8);
  column->addWidget(split);

  connect(models_, &QComboBox::activated, this,
          [this] { workbench_->cohort()->set_model(models_->currentText()); });
  connect(classes_, &QComboBox::activated, cohort, &Cohort::set_shown_class);
  connect(export_, &QPushButton::clicked, this, &CohortPanel::choose_export);
  connect(table_, &QTableView::activated, this, [this](const QModelIndex& index) {
    workbench_->open_items({index.siblingAtColumn(0).data(Cohort::kIdRole).toLongLong()});
  });
  connect(cohort, &Cohort::changed, this, &CohortPanel::refresh);
  refresh();
}

void CohortPanel::refresh() {
  const auto* cohort = workbench_->cohort();
  models_->clear();
  models_->addItems(cohort->models());
  models_->setCurrentIndex(models_->findText(cohort->model()));
  classes_->clear();
  for (const auto& name : cohort->class_names()) classes_->addItem(QString::fromStdString(name));
  classes_->setCurrentIndex(cohort->shown_class());
  export_->setEnabled(cohort->rowCount() > 0);
}

void CohortPanel::choose_export() {
  auto* dialog = new QFileDialog(this, tr("Save the table"));
  dialog->setObjectName("cohort_export_dialog");
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setAcceptMode(QFileDialog::AcceptSave);
  dialog->setNameFilters({tr("CSV (*.csv)")});
  dialog->setDefaultSuffix("csv");
  dialog->selectFile(workbench_->project_name() + "-cohort.csv");
  connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& file) {
    std::vector<int> rows;
    for (int row = 0; row < sorted_.rowCount(); ++row)
      rows.push_back(sorted_.mapToSource(sorted_.index(row, 0)).row());
    workbench_->cohort()->export_csv(file.toStdString(), rows);
  });
  dialog->open();
}

}  // namespace gui
