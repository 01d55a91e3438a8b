#include "app/viewmodels/job_queue.h"

#include <QTime>
#include <algorithm>

#include "app/viewmodels/command_line.h"
#include "app/viewmodels/wording.h"

namespace viewmodels {

JobQueue::JobQueue(Analysis* analysis, QObject* parent) : QAbstractTableModel(parent), analysis_(analysis) {
  connect(analysis_, &Analysis::changed, this, [this] {
    if (running_ >= 0) tell_changed(running_);
  });
  connect(analysis_, &Analysis::finished, this, &JobQueue::take_row);
  connect(analysis_, &Analysis::adapted, this,
          [this](const workflows::SegmentAdaptRequest&, const nlohmann::ordered_json& records) {
            if (running_ < 0) return;
            jobs_[static_cast<std::size_t>(running_)].done = static_cast<std::int64_t>(records.size());
            tell_changed(running_);
          });
  connect(analysis_, &Analysis::completed, this, [this] { take_end(JobState::done, {}); });
  connect(analysis_, &Analysis::failed, this,
          [this](const QString& reason) { take_end(JobState::failed, reason); });
  connect(analysis_, &Analysis::cancelled, this, [this] { take_end(JobState::cancelled, {}); });
}

int JobQueue::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(jobs_.size());
}

int JobQueue::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : kColumnCount;
}

QVariant JobQueue::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || role != Qt::DisplayRole) return {};
  return section == kTitle ? tr("Job") : section == kState ? tr("State") : tr("Progress");
}

QVariant JobQueue::data(const QModelIndex& index, int role) const {
  const auto* job = at(index.row());
  if (!index.isValid() || job == nullptr) return {};
  if (role != Qt::DisplayRole && role != Qt::ToolTipRole && role != Qt::AccessibleTextRole) return {};
  if (role == Qt::ToolTipRole && !job->reason.isEmpty()) return job->reason;
  switch (index.column()) {
    case kTitle:
      return job->title;
    case kState:
      switch (job->state) {
        case JobState::waiting:
          return tr("waiting");
        case JobState::running:
          return analysis_->is_cancelling() ? tr("cancelling") : tr("running");
        case JobState::done:
          return tr("done");
        case JobState::partly_failed:
          return tr("done, %n failed", nullptr, static_cast<int>(job->failed));
        case JobState::failed:
          return tr("failed");
        case JobState::cancelled:
          return tr("cancelled");
      }
      return {};
    case kProgress:
      if (job->state == JobState::running) return analysis_->progress_words();
      if (!job->reason.isEmpty()) return job->reason;
      if (job->done + job->failed == 0) return QString{};
      return tr("%1 done, %2 failed · %3").arg(job->done).arg(job->failed).arg(duration_words(job->seconds));
    default:
      return {};
  }
}

const QueuedJob* JobQueue::at(int row) const {
  return row < 0 || row >= static_cast<int>(jobs_.size()) ? nullptr : &jobs_[static_cast<std::size_t>(row)];
}

bool JobQueue::is_busy() const {
  return std::ranges::any_of(jobs_, [](const auto& job) {
    return job.state == JobState::waiting || job.state == JobState::running;
  });
}

bool JobQueue::can_retry(int row) const {
  const auto* job = at(row);
  return job != nullptr && (job->state == JobState::failed || job->state == JobState::partly_failed ||
                            job->state == JobState::cancelled);
}

QString JobQueue::command_line(int row) const {
  const auto* job = at(row);
  if (job == nullptr) return {};
  return std::visit([](const auto& request) { return command_line_of(request).text(); }, job->request);
}

void JobQueue::add(const QString& title, JobRequest request, std::function<void()> prepare) {
  const auto row = static_cast<int>(jobs_.size());
  beginInsertRows({}, row, row);
  jobs_.push_back({title, std::move(request), std::move(prepare)});
  endInsertRows();
  Q_EMIT changed();
  start_next();
}

void JobQueue::cancel(int row) {
  if (row == running_ && row >= 0) {
    analysis_->cancel();
    return;
  }
  const auto* job = at(row);
  if (job == nullptr || job->state != JobState::waiting) return;
  jobs_[static_cast<std::size_t>(row)].state = JobState::cancelled;
  tell_changed(row);
}

void JobQueue::cancel_all() {
  for (int row = 0; row < rowCount(); ++row) {
    if (row != running_) cancel(row);
  }
  cancel(running_);
}

void JobQueue::retry(int row) {
  if (!can_retry(row)) return;
  auto& job = jobs_[static_cast<std::size_t>(row)];
  job.state = JobState::waiting;
  job.done = job.failed = 0;
  job.reason.clear();
  tell_changed(row);
  start_next();
}

void JobQueue::clear_ended() {
  for (int row = rowCount() - 1; row >= 0; --row) {
    const auto state = jobs_[static_cast<std::size_t>(row)].state;
    if (state == JobState::waiting || state == JobState::running) continue;
    beginRemoveRows({}, row, row);
    jobs_.erase(jobs_.begin() + row);
    if (running_ > row) --running_;
    endRemoveRows();
  }
  Q_EMIT changed();
}

void JobQueue::start_next() {
  if (running_ >= 0 || analysis_->is_running()) return;
  const auto next = std::ranges::find(jobs_, JobState::waiting, &QueuedJob::state);
  if (next == jobs_.end()) return;
  running_ = static_cast<int>(next - jobs_.begin());
  next->state = JobState::running;
  clock_.start();
  append_log(tr("started: %1").arg(command_line(running_)));
  if (const auto* analysis = std::get_if<workflows::AnalyzeRequest>(&next->request)) {
    analysis_->start(*analysis, next->prepare);
  } else {
    analysis_->start(std::get<workflows::SegmentAdaptRequest>(next->request));
  }
}

void JobQueue::append_log(const QString& line) {
  if (running_ < 0) return;
  jobs_[static_cast<std::size_t>(running_)].log << QTime::currentTime().toString("hh:mm:ss ") + line;
  Q_EMIT log_changed(running_);
}

void JobQueue::take_row(const workflows::RunRow& row) {
  if (running_ < 0) return;
  auto& job = jobs_[static_cast<std::size_t>(running_)];
  ++(row.status == "failed" ? job.failed : job.done);
  append_log(QStringLiteral("%1: %2%3")
                 .arg(QString::fromStdString(row.status), QString::fromStdString(row.file),
                      row.reason.empty() ? QString{} : ": " + QString::fromStdString(row.reason)));
  tell_changed(running_);
}

void JobQueue::take_end(JobState state, const QString& reason) {
  if (running_ >= 0) {
    const auto row = std::exchange(running_, -1);
    auto& job = jobs_[static_cast<std::size_t>(row)];
    job.seconds = static_cast<double>(clock_.elapsed()) / 1000;
    job.reason = reason;
    job.state = state;
    if (state == JobState::done && job.failed > 0)
      job.state = job.done == 0 ? JobState::failed : JobState::partly_failed;
    job.log << QTime::currentTime().toString("hh:mm:ss ") + index(row, kState).data().toString() +
                   (reason.isEmpty() ? QString{} : ": " + reason);
    Q_EMIT log_changed(row);
    tell_changed(row);
    Q_EMIT ended(row);
  }
  start_next();
}

void JobQueue::tell_changed(int row) {
  Q_EMIT dataChanged(index(row, 0), index(row, kColumnCount - 1));
  Q_EMIT changed();
}

}  // namespace viewmodels
