#include "app/viewmodels/job_runner.h"

#include <QMetaObject>
#include <chrono>
#include <memory>
#include <mutex>

namespace viewmodels {
namespace {

// Lets a step through when its stage is new, it is the stage's last, or 50 ms have passed.
class Throttle {
 public:
  bool lets_through(const imaging::Progress& step) {
    const std::lock_guard lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    const bool due =
        step.stage != stage_ || step.done == step.total || now - last_ >= std::chrono::milliseconds(50);
    if (due) {
      stage_ = step.stage;
      last_ = now;
    }
    return due;
  }

 private:
  std::mutex mutex_;
  std::string stage_;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace

JobRunner::~JobRunner() = default;

void JobRunner::start(imaging::JobBody body) {
  Q_ASSERT(!running_);
  running_ = true;
  worker_ = std::jthread([this, body = std::move(body)](const std::stop_token& stop) {
    const auto throttle = std::make_shared<Throttle>();
    const imaging::JobContext context{stop, [this, throttle](const imaging::Progress& step) {
                                        if (!throttle->lets_through(step)) return;
                                        QMetaObject::invokeMethod(
                                            this, [this, step] { Q_EMIT progressed(step); },
                                            Qt::QueuedConnection);
                                      }};
    const auto outcome = imaging::run_job(body, context);
    QMetaObject::invokeMethod(
        this,
        [this, outcome] {
          running_ = false;
          Q_EMIT ended(outcome);
        },
        Qt::QueuedConnection);
  });
}

void JobRunner::cancel() {
  worker_.request_stop();
}

}  // namespace viewmodels
