#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "imaging/base/error.h"

namespace imaging {

/// One step of a long job. `done` and `total` count the stage's own unit (tiles, slides, epochs).
struct Progress {
  std::string stage;
  std::int64_t done = 0;
  std::int64_t total = 0;  ///< 0 where unknown
};

/// What a long-running function is handed, and all it may know of who runs it.
///
/// @par Threads  `checkpoint` may be called from several threads if the sink may.
class JobContext {
 public:
  using Sink = std::function<void(const Progress&)>;
  JobContext() = default;
  explicit JobContext(std::stop_token stop, Sink sink = {})
      : stop_(std::move(stop)), sink_(std::move(sink)) {}

  /// Reports progress and lets a stop take effect. Call once per tile or batch.
  /// @throws Cancelled if a stop was requested.
  void checkpoint(std::string_view stage, std::int64_t done, std::int64_t total) const {
    if (stop_.stop_requested()) throw Cancelled{};
    if (sink_) sink_({std::string{stage}, done, total});
  }

  [[nodiscard]] const std::stop_token& stop_token() const { return stop_; }
  [[nodiscard]] const Sink& sink() const { return sink_; }

 private:
  std::stop_token stop_;
  Sink sink_;
};

enum class JobStatus { done, cancelled, failed };

/// How a job ended: what it threw, as a value.
struct JobOutcome {
  JobStatus status = JobStatus::done;
  std::optional<ErrorCode> code;  ///< set where status is failed
  std::string message;            ///< one sentence where status is failed
};

using JobBody = std::function<void(const JobContext&)>;

/// Turns the exception in flight into an outcome; call inside a catch block.
[[nodiscard]] JobOutcome outcome_of_current_exception() noexcept;

/// Runs `body` and turns whatever it throws into an outcome, for GUI and CLI alike.
[[nodiscard]] JobOutcome run_job(const JobBody& body, const JobContext& context) noexcept;

}  // namespace imaging
