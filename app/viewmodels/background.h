#pragma once

#include <QMetaObject>
#include <QObject>
#include <QThreadPool>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "imaging/base/job.h"

namespace viewmodels {

/// Short work off the receiver's thread, one piece after another, with the answer delivered on the receiver's
/// thread. Make it the receiver's last member: its end drops what has not begun, waits for the piece at work,
/// and no answer comes after it.
class Background {
 public:
  explicit Background(QObject* receiver) : receiver_(receiver) { pool_.setMaxThreadCount(1); }
  ~Background() { pool_.clear(); }  // the pool's own end waits

  /// @param work    called on a worker thread; what it throws goes to `failed`
  /// @param done    called with work's value on the receiver's thread
  template <typename Work, typename Done>
  void run(Work work, Done done, std::function<void(const imaging::JobOutcome&)> failed) {
    pool_.start(
        [receiver = receiver_, work = std::move(work), done = std::move(done), failed = std::move(failed)] {
          auto value = std::make_shared<std::optional<std::invoke_result_t<Work>>>();
          const auto outcome = imaging::run_job([&](const imaging::JobContext&) { value->emplace(work()); },
                                                imaging::JobContext{});
          QMetaObject::invokeMethod(
              receiver,
              [value, outcome, done, failed] {
                if (outcome.status == imaging::JobStatus::done) {
                  done(std::move(**value));
                } else {
                  failed(outcome);
                }
              },
              Qt::QueuedConnection);
        });
  }

 private:
  QObject* receiver_;
  QThreadPool pool_;
};

}  // namespace viewmodels
