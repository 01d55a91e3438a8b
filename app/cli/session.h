#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "app/workflows/analyze.h"
#include "imaging/base/job.h"

namespace cli {

inline constexpr int kExitDone = 0;
inline constexpr int kExitInternal = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitBadInput = 3;
inline constexpr int kExitSomeFailed = 4;
inline constexpr int kExitCancelled = 130;

/// What a command has to say at its end: `json` is printed under --json, `text` otherwise.
struct Reply {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  std::string text;
  int exit_code = kExitDone;
};

/// Options that every command takes.
struct CommonOptions {
  workflows::RuntimeOptions runtime;
  bool json = false;
  std::string config;
};

/// Exit code for a failure of this kind.
[[nodiscard]] int exit_code_of(imaging::ErrorCode code);
/// {"error": {"code", "message"}}
[[nodiscard]] nlohmann::ordered_json error_json(std::string_view code, const std::string& message);
/// 0 where nothing failed, 3 where everything did, 4 in between.
[[nodiscard]] int exit_code_of_batch(std::size_t failed, std::size_t total);

/// Owns what all commands share: Ctrl-C, the progress line, messages, the final output and the exit code.
class Session {
 public:
  Session();
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  [[nodiscard]] CommonOptions& common() { return common_; }
  [[nodiscard]] const workflows::RuntimeOptions& runtime() const { return common_.runtime; }

  /// Runs a command's body on this thread, prints its reply or its failure, and keeps the exit code. The
  /// first Ctrl-C requests a stop; where the body has not answered after 0.8 s (a network call cannot be
  /// interrupted) the process leaves.
  void run(const std::function<Reply(const imaging::JobContext&)>& body);

  /// What to clear away where the process leaves before the body could.
  void on_hard_stop(std::function<void()> clean_up);

  /// A line for people on standard error, above the progress bar.
  void say(const std::string& line);

  /// A line of the result on standard output at once, so that a run that is stopped leaves what it had done;
  /// nothing under --json, which prints one value at the end.
  void print(const std::string& line);

  [[nodiscard]] int exit_code() const { return exit_code_; }

 private:
  class ProgressLine;
  void report_failure(const imaging::JobOutcome& outcome);

  CommonOptions common_;
  std::unique_ptr<ProgressLine> progress_;
  std::function<void()> clean_up_;
  int exit_code_ = kExitDone;
};

}  // namespace cli
