#pragma once

#include <QAbstractTableModel>
#include <QString>
#include <QStringList>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "app/viewmodels/analysis.h"

namespace viewmodels {

enum class JobState { waiting, running, done, partly_failed, failed, cancelled };

/// What a job does.
using JobRequest = std::variant<workflows::AnalyzeRequest, workflows::SegmentAdaptRequest>;

/// One job of the queue.
struct QueuedJob {
  QString title;
  JobRequest request;
  std::function<void()> prepare;  ///< of an analysis, see Analysis::start
  JobState state = JobState::waiting;
  std::int64_t done = 0, failed = 0;  ///< inputs
  QString reason = {};                ///< why it failed
  QStringList log = {};
  double seconds = 0;
};

/// Jobs one after another, run by the studio's Analysis. A job that waits, runs, failed or was cancelled can
/// be looked into: log, command line.
class JobQueue : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Column { kTitle, kState, kProgress, kColumnCount };

  explicit JobQueue(Analysis* analysis, QObject* parent = nullptr);

  [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
  [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

  /// Adds a job at the end; it starts when those before have ended.
  void add(const QString& title, JobRequest request, std::function<void()> prepare = {});
  /// Stops a job that runs, or takes one that waits out; returns at once.
  void cancel(int row);
  void cancel_all();
  /// Queues a job that failed or was cancelled once more. What it had done stays done.
  void retry(int row);
  /// Forgets the jobs that ended.
  void clear_ended();
  [[nodiscard]] const QueuedJob* at(int row) const;
  [[nodiscard]] bool is_busy() const;  ///< a job runs or waits
  [[nodiscard]] int running_row() const { return running_; }
  [[nodiscard]] bool can_retry(int row) const;
  /// The `tessera` command that does the same.
  [[nodiscard]] QString command_line(int row) const;
  void append_log(const QString& line);  ///< to the job that runs

 Q_SIGNALS:
  void changed();
  void log_changed(int row);
  void ended(int row);

 private:
  void start_next();
  void take_row(const workflows::RunRow& row);
  void take_end(JobState state, const QString& reason);
  void tell_changed(int row);

  Analysis* analysis_;
  std::vector<QueuedJob> jobs_;
  int running_ = -1;
  QElapsedTimer clock_;
};

}  // namespace viewmodels
