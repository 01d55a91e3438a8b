#pragma once

#include <QMetaObject>
#include <QObject>
#include <QThreadPool>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>

#include "imaging/base/error.h"
#include "imaging/base/job.h"

namespace viewmodels {

/// Short work off the receiver's thread, one piece after another (or as many at a time as asked for), with
/// the answer delivered on the receiver's thread. Make it the receiver's last member: its end drops what has
/// not begun and waits for the pieces at work, and no answer comes after it.
///
/// A piece that reads from a device that does not answer must not hold the window up for ever: after
/// `patience_ms` its thread is left behind. So work keeps all it needs in its own copies and touches no
/// member of the receiver.
class Background {
 public:
  static constexpr int kPatienceMs = 5000;
  static constexpr int kForEver = -1;  ///< for work that has to come to its end, such as writing a file

  explicit Background(QObject* receiver, int threads = 1, int patience_ms = kPatienceMs)
      : link_(std::make_shared<Link>()), pool_(std::make_unique<QThreadPool>()), patience_ms_(patience_ms) {
    link_->receiver = receiver;
    pool_->setMaxThreadCount(threads);
  }
  ~Background() {
    pool_->clear();
    const bool is_done = pool_->waitForDone(patience_ms_);
    const std::lock_guard lock(link_->mutex);
    link_->receiver = nullptr;
    if (!is_done) static_cast<void>(pool_.release());  // its thread ends when the device answers
  }
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  /// @param work    called on a worker thread; what it throws goes to `failed`
  /// @param done    called with work's value on the receiver's thread
  template <typename Work, typename Done>
  void run(Work work, Done done, std::function<void(const imaging::JobOutcome&)> failed) {
    pool_->start([link = link_, work = std::move(work), done = std::move(done), failed = std::move(failed)] {
      auto value = std::make_shared<std::optional<std::invoke_result_t<Work>>>();
      const auto outcome = imaging::run_job([&](const imaging::JobContext&) { value->emplace(work()); },
                                            imaging::JobContext{});
      const std::lock_guard lock(link->mutex);
      if (link->receiver == nullptr) return;
      QMetaObject::invokeMethod(
          link->receiver,
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

  /// Waits until nothing is at work. @return false where it takes longer
  [[nodiscard]] bool wait(int ms) { return pool_->waitForDone(ms); }
  /// Its end waits for nothing any more.
  void leave_behind() { patience_ms_ = 0; }

 private:
  struct Link {
    std::mutex mutex;
    QObject* receiver = nullptr;
  };
  std::shared_ptr<Link> link_;
  std::unique_ptr<QThreadPool> pool_;
  int patience_ms_;
};

/// Runs work on a thread of its own and waits for its value; absent where it throws or takes longer than
/// `ms`. Such a thread is left behind, so work keeps all it needs in its own copies.
template <typename Work>
[[nodiscard]] std::optional<std::invoke_result_t<Work>> run_within(int ms, Work work) {
  auto promise = std::make_shared<std::promise<std::invoke_result_t<Work>>>();
  auto answer = promise->get_future();
  std::thread([promise, work = std::move(work)] {
    try {
      promise->set_value(work());
    } catch (...) {
      promise->set_exception(std::current_exception());
    }
  }).detach();
  if (answer.wait_for(std::chrono::milliseconds(ms)) != std::future_status::ready) return std::nullopt;
  try {
    return answer.get();
  } catch (const imaging::Error&) {
    return std::nullopt;
  }
}

}  // namespace viewmodels
