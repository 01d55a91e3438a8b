#include "imaging/slide/detail/run_apart.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <mutex>
#include <stdexcept>

#include "imaging/base/error.h"

namespace imaging::detail {
namespace {

/// Private memory of this process. Unit: bytes.
rlim_t memory_now() {
  std::ifstream in("/proc/self/statm");
  rlim_t pages = 0;
  for (int field = 0; field < 6; ++field) in >> pages;
  return pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE));
}

[[noreturn]] void run_child(const std::function<std::string()>& work, int out) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGINT, SIGTERM, SIGPIPE})
    std::signal(signal, SIG_DFL);
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  const auto most = memory_now() + kMemoryApart;
  const rlimit memory{most, most};
  setrlimit(RLIMIT_DATA, &memory);
  const int nowhere = open("/dev/null", O_RDWR);
  dup2(nowhere, STDOUT_FILENO);
  dup2(nowhere, STDERR_FILENO);
  try {
    const auto bytes = work();
    for (std::size_t at = 0; at < bytes.size();) {
      const auto done = write(out, bytes.data() + at, bytes.size() - at);
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) _exit(1);
      at += static_cast<std::size_t>(done);
    }
  } catch (...) {
    _exit(1);
  }
  _exit(0);
}

/// False where the time ran out.
bool read_all(int in, std::chrono::steady_clock::time_point end, std::string& bytes) {
  std::array<char, 65536> block{};
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now()).count();
    pollfd ready{in, POLLIN, 0};
    const int found = left > 0 ? poll(&ready, 1, static_cast<int>(left)) : 0;
    if (found < 0 && errno == EINTR) continue;
    if (found <= 0) return false;
    const auto done = read(in, block.data(), block.size());
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return true;
    bytes.append(block.data(), static_cast<std::size_t>(done));
  }
}

[[noreturn]] void fail_to_start(int error) {
  throw Error(ErrorCode::resource_exhausted,
              fmt::format("No process can be made to decode a picture in: {}; close other programs.",
                          std::strerror(error)));
}

struct Child {
  pid_t pid;
  int out;  ///< where its bytes come from
};

Child start(const std::function<std::string()>& work) {
  // A copy made meanwhile by another thread would hold this one's end of writing open.
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) fail_to_start(errno);
  const auto pid = fork();
  const int error = errno;
  if (pid == 0) {
    close(ends[0]);
    run_child(work, ends[1]);
  }
  close(ends[1]);
  if (pid < 0) {
    close(ends[0]);
    fail_to_start(error);
  }
  return {pid, ends[0]};
}

/// Kills the process where it still runs, closes its pipe and waits for its end.
int end(const Child& child, bool has_ended) {
  if (!has_ended) kill(child.pid, SIGKILL);
  close(child.out);
  int status = 0;
  while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

std::string run_apart(const std::function<std::string()>& work, std::chrono::seconds limit) {
  const auto child = start(work);
  std::string bytes;
  bool is_in_time = false;
  try {
    is_in_time = read_all(child.out, std::chrono::steady_clock::now() + limit, bytes);
  } catch (const std::bad_alloc&) {
    end(child, false);
    throw;
  }
  const int status = end(child, is_in_time);
  if (!is_in_time)
    throw std::runtime_error(fmt::format("its decoder did not end within {} s", limit.count()));
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
    throw std::runtime_error("its decoder was killed (signal 9), as happens where memory runs out");
  if (WIFSIGNALED(status))
    throw std::runtime_error(fmt::format("its decoder crashed (signal {})", WTERMSIG(status)));
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) throw std::runtime_error("its decoder failed");
  return bytes;
}

}  // namespace imaging::detail
