#include "app/cli/session.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <thread>

#include "app/workflows/batch.h"
#include "imaging/base/log.h"

namespace cli {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kPollInterval = 20ms;
constexpr auto kGrace = 800ms;
constexpr auto kRedrawInterval = 100ms;

std::atomic<int> g_interrupts{0};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may touch only lock-free atomics");

extern "C" void on_interrupt(int signal_number) {
  if (g_interrupts.fetch_add(1) > 0) {
    signal(signal_number, SIG_DFL);
    raise(signal_number);
  }
}

void catch_interrupts() {
  struct sigaction action = {};
  action.sa_handler = &on_interrupt;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

std::string clock_text(double seconds) {
  const auto whole = static_cast<std::int64_t>(seconds + 0.5);
  if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

}  // namespace

int exit_code_of(imaging::ErrorCode code) {
  using imaging::ErrorCode;
  switch (code) {
    case ErrorCode::invalid_argument:
      return kExitUsage;
    case ErrorCode::internal:
      return kExitInternal;
    default:
      return kExitBadInput;
  }
}

nlohmann::ordered_json error_json(std::string_view code, const std::string& message) {
  return {{"error", {{"code", code}, {"message", message}}}};
}

int exit_code_of_batch(std::size_t failed, std::size_t total) {
  if (failed == 0) return kExitDone;
  return failed == total ? kExitBadInput : kExitSomeFailed;
}

/// A bar with rate and time left on a terminal; elsewhere one line per stage, and per slide where there are
/// several.
class Session::ProgressLine {
 public:
  void show(const imaging::Progress& step) {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    if (step.stage != stage_) {
      stage_ = step.stage;
      stage_start_ = now;
      first_done_ = step.done;
      if (step.stage == "slides") has_several_slides_ = step.total > 1;
      if (!is_terminal_ && !(has_several_slides_ && step.stage == "tiles"))
        fmt::print(stderr, "{}{}\n", step.stage,
                   step.total > 0 ? fmt::format(": {} of {}", step.done, step.total) : "");
    } else if (now - last_draw_ < kRedrawInterval && step.done != step.total) {
      return;
    }
    last_draw_ = now;
    if (is_terminal_) draw(step, std::chrono::duration<double>(now - stage_start_).count());
  }

  void say(const std::string& line) {
    const std::lock_guard lock(mutex_);
    erase();
    fmt::print(stderr, "{}\n", line);
  }

  void print(const std::string& line) {
    const std::lock_guard lock(mutex_);
    erase();
    std::fflush(stderr);
    fmt::print("{}\n", line);
    std::fflush(stdout);
  }

  void finish() {
    const std::lock_guard lock(mutex_);
    erase();
    stage_.clear();
  }

 private:
  void draw(const imaging::Progress& step, double seconds) {
    constexpr std::int64_t kWidth = 28;
    const auto made = static_cast<double>(step.done - first_done_);
    const double rate = seconds > 0 ? made / seconds : 0;
    std::string text = step.stage;
    if (step.total > 0) {
      const auto filled = std::clamp<std::int64_t>(step.done * kWidth / step.total, 0, kWidth);
      text += fmt::format(" [{}{}] {}/{}", std::string(static_cast<std::size_t>(filled), '#'),
                          std::string(static_cast<std::size_t>(kWidth - filled), '.'), step.done, step.total);
    } else {
      text += fmt::format(" {}", step.done);
    }
    if (rate > 0) {
      text += fmt::format("  {:.1f}/s", rate);
      if (step.total > 0)
        text += fmt::format("  {} left", clock_text(static_cast<double>(step.total - step.done) / rate));
    }
    fmt::print(stderr, "\r\033[K{}", text);
    std::fflush(stderr);
    drawn_ = true;
  }

  void erase() {
    if (drawn_) fmt::print(stderr, "\r\033[K");
    drawn_ = false;
  }

  std::mutex mutex_;
  const bool is_terminal_ = isatty(STDERR_FILENO) != 0;
  bool drawn_ = false;
  bool has_several_slides_ = false;
  std::string stage_;
  std::int64_t first_done_ = 0;
  Clock::time_point stage_start_;
  Clock::time_point last_draw_;
};

Session::Session() : progress_(std::make_unique<ProgressLine>()) {
  imaging::set_log_sink([this](imaging::LogLevel level, const std::string& message) {
    progress_->say(level == imaging::LogLevel::warning ? "warning: " + message : message);
  });
}

Session::~Session() {
  imaging::set_log_sink({});
}

void Session::say(const std::string& line) {
  progress_->say(line);
}

void Session::print(const std::string& line) {
  if (!common_.json) progress_->print(line);
}

void Session::on_hard_stop(std::function<void()> clean_up) {
  clean_up_ = std::move(clean_up);
}

void Session::run(const std::function<Reply(const imaging::JobContext&)>& body) {
  std::stop_source stop;
  catch_interrupts();
  const std::jthread watcher([this, &stop](const std::stop_token& finished) {
    while (!finished.stop_requested() && g_interrupts.load() == 0) std::this_thread::sleep_for(kPollInterval);
    if (finished.stop_requested()) return;
    stop.request_stop();
    for (const auto end = Clock::now() + kGrace; Clock::now() < end;
         std::this_thread::sleep_for(kPollInterval)) {
      if (finished.stop_requested()) return;
    }
    if (clean_up_) clean_up_();
    fmt::print(stderr, "\ncancelled\n");
    std::_Exit(kExitCancelled);
  });

  const imaging::JobContext context(stop.get_token(),
                                    [this](const imaging::Progress& step) { progress_->show(step); });
  Reply reply;
  const auto outcome = imaging::run_job([&](const imaging::JobContext& job) { reply = body(job); }, context);
  progress_->finish();
  if (outcome.status != imaging::JobStatus::done) {
    report_failure(outcome);
    return;
  }
  exit_code_ = reply.exit_code;
  if (common_.json) {
    fmt::print("{}", workflows::json_text(reply.json));
  } else if (!reply.text.empty()) {
    fmt::print("{}{}", reply.text, reply.text.back() == '\n' ? "" : "\n");
  }
  std::fflush(stdout);
}

void Session::report_failure(const imaging::JobOutcome& outcome) {
  const bool cancelled = outcome.status == imaging::JobStatus::cancelled;
  const auto code = outcome.code.value_or(imaging::ErrorCode::internal);
  exit_code_ = cancelled ? kExitCancelled : exit_code_of(code);
  fmt::print(stderr, "{}{}\n", cancelled ? "" : "error: ", outcome.message);
  if (common_.json) {
    fmt::print("{}", workflows::json_text(
                         error_json(cancelled ? "cancelled" : imaging::to_string(code), outcome.message)));
  }
}

}  // namespace cli
