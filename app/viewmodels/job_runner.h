#pragma once

#include <QObject>
#include <thread>

#include "imaging/base/job.h"

namespace viewmodels {

/// Runs one job at a time on its own thread and tells of it on this object's thread.
class JobRunner : public QObject {
  Q_OBJECT
 public:
  using QObject::QObject;
  ~JobRunner() override;

  /// Call only when idle. Returns at once.
  void start(imaging::JobBody body);
  /// Asks the job to stop; returns at once, `ended` follows.
  void cancel();
  [[nodiscard]] bool is_running() const { return running_; }

 Q_SIGNALS:
  void progressed(const imaging::Progress& step);  ///< at most about 20 a second, and each stage's first
  void ended(const imaging::JobOutcome& outcome);

 private:
  bool running_ = false;
  std::jthread worker_;  // last: stopped and joined before the rest of the object goes
};

}  // namespace viewmodels
