#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <stop_token>
#include <string>

#include "imaging/base/image.h"
#include "imaging/slide/detail/read_protocol.h"

namespace imaging::detail {

/// A file descriptor that is closed at the end.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept;
  Descriptor& operator=(Descriptor&&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_ = -1;
};

/// One reading process, from its start to its end. @par Threads  One at a time.
class WorkerProcess {
 public:
  /// @throws Error `resource_exhausted` where it cannot be started.
  WorkerProcess(const std::filesystem::path& executable, std::chrono::duration<double> timeout);
  ~WorkerProcess();  ///< kills it where it still lives, and leaves no zombie
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  /// @throws Error what the process answered with; WorkerFailure; Cancelled. After the latter two the object
  /// is good for destruction alone.
  [[nodiscard]] Message call(const Message& request, const std::stop_token& stop);
  /// The image that an answer speaks of. @throws WorkerFailure where the shared memory holds less.
  [[nodiscard]] Image8 take_image(SizeI size);

 private:
  using Clock = std::chrono::steady_clock;

  void send_all(std::string_view bytes, Clock::time_point deadline, const std::stop_token& stop);
  [[nodiscard]] std::string receive(std::size_t size, Clock::time_point deadline,
                                    const std::stop_token& stop);
  /// Waits until the socket is ready. @throws WorkerFailure; Cancelled
  void wait_for(short events, Clock::time_point deadline, const std::stop_token& stop);
  /// Why the process is gone.
  [[nodiscard]] WorkerFailure death();

  std::chrono::duration<double> timeout_;
  void* pixels_ = nullptr;
  std::size_t mapped_ = 0;
  pid_t pid_ = -1;  // -1: reaped
  Descriptor memory_;
  Descriptor socket_;  // after pid_, which its making sets
};

}  // namespace imaging::detail
