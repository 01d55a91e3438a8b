#include "app/gui/jobs_panel.h"

#include <QClipboard>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QPlainTextEdit>
#include <QProgressBar>
#include <QPushButton>
#include <QSplitter>
#include <QTableView>
#include <QVBoxLayout>

namespace gui {

using viewmodels::JobQueue;
using viewmodels::JobState;

JobsPanel::JobsPanel(viewmodels::Workbench* workbench, QWidget* parent)
    : QWidget(parent),
      workbench_(workbench),
      table_(new QTableView(this)),
      bar_(new QProgressBar(this)),
      log_(new QPlainTextEdit(this)),
      cancel_(new QPushButton(tr("Cancel"), this)),
      retry_(new QPushButton(tr("Retry"), this)),
      copy_(new QPushButton(tr("Copy as command line"), this)),
      clear_(new QPushButton(tr("Clear ended"), this)) {
  setObjectName("jobs_panel");
  table_->setObjectName("jobs_table");
  table_->setAccessibleName(tr("Jobs"));
  table_->setToolTip(tr("Jobs run one after another; choose one to see its log"));
  table_->setModel(workbench_->jobs());
  table_->setSelectionBehavior(QAbstractItemView::SelectRows);
  table_->setSelectionMode(QAbstractItemView::SingleSelection);
  table_->setEditTriggers(QAbstractItemView::NoEditTriggers);
  table_->setShowGrid(false);
  table_->setTabKeyNavigation(false);
  table_->verticalHeader()->hide();
  table_->verticalHeader()->setDefaultSectionSize(26);
  table_->horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
  table_->horizontalHeader()->setStretchLastSection(true);
  table_->setColumnWidth(JobQueue::kTitle, 230);
  table_->setColumnWidth(JobQueue::kState, 110);
  bar_->setObjectName("jobs_progress");
  bar_->setAccessibleName(tr("Progress of the running job"));
  bar_->setTextVisible(false);
  log_->setObjectName("jobs_log");
  log_->setAccessibleName(tr("Log of the chosen job"));
  log_->setToolTip(tr("What the chosen job said"));
  log_->setReadOnly(true);
  log_->setPlaceholderText(tr("Log of the chosen job"));
  cancel_->setObjectName("jobs_cancel");
  cancel_->setToolTip(tr("Stop the chosen job, or take it out of the queue"));
  retry_->setObjectName("jobs_retry");
  retry_->setToolTip(tr("Run the chosen job again; what it had done stays done"));
  copy_->setObjectName("jobs_copy");
  copy_->setToolTip(tr("Copy the tessera command that does the same"));
  clear_->setObjectName("jobs_clear");
  clear_->setToolTip(tr("Forget the jobs that ended; results stay"));
  auto* buttons = new QHBoxLayout;
  buttons->addWidget(bar_, 1);
  for (auto* button : {cancel_, retry_, copy_, clear_}) buttons->addWidget(button);
  auto* split = new QSplitter(Qt::Horizontal, this);
  split->setObjectName("jobs_split");
  split->addWidget(table_);
  split->addWidget(log_);
  split->setStretchFactor(0, 3);
  split->setStretchFactor(1, 2);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(10, 8, 10, 8);
  column->addWidget(split, 1);
  column->addLayout(buttons);

  auto* jobs = workbench_->jobs();
  connect(jobs, &JobQueue::changed, this, &JobsPanel::refresh);
  connect(jobs, &JobQueue::log_changed, this, [this](int changed) {
    if (changed == row()) refresh_log();
  });
  connect(jobs, &QAbstractItemModel::rowsInserted, this,
          [this](const QModelIndex&, int first) { table_->selectRow(first); });
  connect(table_->selectionModel(), &QItemSelectionModel::selectionChanged, this, [this] {
    refresh();
    refresh_log();
  });
  connect(cancel_, &QPushButton::clicked, this, [this] { workbench_->jobs()->cancel(row()); });
  connect(retry_, &QPushButton::clicked, this, [this] { workbench_->jobs()->retry(row()); });
  connect(clear_, &QPushButton::clicked, jobs, &JobQueue::clear_ended);
  connect(copy_, &QPushButton::clicked, this, [this] {
    QGuiApplication::clipboard()->setText(workbench_->jobs()->command_line(row()));
    Q_EMIT workbench_->notice(tr("The command is in the clipboard."), viewmodels::Studio::Tone::info);
  });
  refresh();
}

int JobsPanel::row() const {
  const auto rows = table_->selectionModel()->selectedRows();
  return rows.isEmpty() ? -1 : rows.front().row();
}

void JobsPanel::refresh() {
  const auto* jobs = workbench_->jobs();
  const auto* job = jobs->at(row());
  const auto* analysis = workbench_->studio()->analysis();
  cancel_->setEnabled(job != nullptr && (job->state == JobState::waiting ||
                                         (job->state == JobState::running && !analysis->is_cancelling())));
  retry_->setEnabled(jobs->can_retry(row()));
  copy_->setEnabled(job != nullptr);
  clear_->setEnabled(jobs->rowCount() > 0);
  const auto permille = analysis->permille();
  bar_->setVisible(jobs->running_row() >= 0);
  bar_->setRange(0, permille < 0 ? 0 : 1000);
  bar_->setValue(permille);
}

void JobsPanel::refresh_log() {
  const auto* job = workbench_->jobs()->at(row());
  log_->setPlainText(job == nullptr ? QString{} : job->log.join('\n'));
}

}  // namespace gui
