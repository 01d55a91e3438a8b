#include "imaging/slide/detail/worker_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include "imaging/base/error.h"

namespace imaging::detail {
namespace {

using namespace std::chrono_literals;

constexpr auto kStopInterval = 20ms;  // between looks at the stop token
constexpr auto kReapTime = 1s;        // a killed process is gone in far less, unless the kernel holds it
constexpr int kFreeOfTargets = 16;    // above the numbers that the child's descriptors get

[[noreturn]] void fail_to_start(const char* what, int error) {
  throw Error(ErrorCode::resource_exhausted,
              fmt::format("No reading process can be started: {}: {}; close other programs, or read with "
                          "--isolate never.",
                          what, std::strerror(error)));
}

/// `fd` at a number that no descriptor of the child takes.
Descriptor moved_up(int fd, const char* what) {
  if (fd < 0) fail_to_start(what, errno);
  const Descriptor low(fd);
  const int high = fcntl(fd, F_DUPFD_CLOEXEC, kFreeOfTargets);
  if (high < 0) fail_to_start(what, errno);
  return Descriptor(high);
}

/// Grows with what the process writes and never shrinks: what is mapped here stays backed.
Descriptor make_memory() {
  auto memory = moved_up(memfd_create("tessera-pixels", MFD_CLOEXEC | MFD_ALLOW_SEALING), "shared memory");
  if (fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK) != 0) fail_to_start("shared memory", errno);
  return memory;
}

std::pair<Descriptor, Descriptor> make_socket_pair() {
  std::array<int, 2> ends{-1, -1};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) fail_to_start("socket", errno);
  Descriptor ours(ends[0]);
  return {std::move(ours), moved_up(ends[1], "socket")};
}

struct SpawnActions {
  posix_spawn_file_actions_t value;
  SpawnActions() { posix_spawn_file_actions_init(&value); }
  ~SpawnActions() { posix_spawn_file_actions_destroy(&value); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
};

struct SpawnAttributes {
  posix_spawnattr_t value;
  SpawnAttributes() { posix_spawnattr_init(&value); }
  ~SpawnAttributes() { posix_spawnattr_destroy(&value); }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;
};

/// Starts the process in a group of its own, without the terminal's signals, with no descriptor of ours but
/// the two it is meant to have. Its standard output goes nowhere: ours may be a machine's to read.
pid_t spawn(const std::filesystem::path& executable, int socket, int memory) {
  SpawnActions actions;
  posix_spawn_file_actions_addopen(&actions.value, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions.value, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions.value, socket, kSocketFd);
  posix_spawn_file_actions_adddup2(&actions.value, memory, kMemoryFd);
  posix_spawn_file_actions_addclosefrom_np(&actions.value, kMemoryFd + 1);
  SpawnAttributes attributes;
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes.value, &none);
  posix_spawnattr_setpgroup(&attributes.value, 0);
  posix_spawnattr_setflags(&attributes.value, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  std::string name = executable.filename().string();
  const std::array<char*, 2> arguments{name.data(), nullptr};
  pid_t pid = -1;
  const int error =
      posix_spawn(&pid, executable.c_str(), &actions.value, &attributes.value, arguments.data(), environ);
  if (error != 0) fail_to_start(name.c_str(), error);
  return pid;
}

/// The status of a killed or dying process; none where the kernel does not let go of it in time.
std::optional<int> reap(pid_t pid) {
  const auto end = std::chrono::steady_clock::now() + kReapTime;
  int status = 0;
  while (true) {
    const auto got = waitpid(pid, &status, WNOHANG);
    if (got == pid) return status;
    if (got < 0 && errno != EINTR) return std::nullopt;
    if (std::chrono::steady_clock::now() > end) break;
    std::this_thread::sleep_for(1ms);
  }
  std::thread([pid] {
    int ignored = 0;
    waitpid(pid, &ignored, 0);
  }).detach();
  return std::nullopt;
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) close(fd_);
}

Descriptor::Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

WorkerProcess::WorkerProcess(const std::filesystem::path& executable, std::chrono::duration<double> timeout)
    : timeout_(timeout), memory_(make_memory()), socket_([&] {
        auto [ours, theirs] = make_socket_pair();
        pid_ = spawn(executable, theirs.get(), memory_.get());
        return std::move(ours);
      }()) {}

WorkerProcess::~WorkerProcess() {
  if (pixels_ != nullptr) munmap(pixels_, mapped_);
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);
  reap(pid_);
}

Message WorkerProcess::call(const Message& request, const std::stop_token& stop) {
  const auto deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(timeout_);
  send_all(encode_message(request), deadline, stop);
  const auto length = message_length(receive(sizeof(std::uint32_t), deadline, stop));
  auto answer = decode_message(receive(length, deadline, stop));
  throw_if_failed(answer);
  return answer;
}

Image8 WorkerProcess::take_image(SizeI size) {
  Image8 image(size.width, size.height, 3);
  if (image.bytes() > mapped_) {
    struct stat memory = {};
    if (fstat(memory_.get(), &memory) != 0 || static_cast<std::size_t>(memory.st_size) < image.bytes())
      throw WorkerFailure{"the reading process gave fewer pixels than it said"};
    if (pixels_ != nullptr) munmap(pixels_, mapped_);
    mapped_ = static_cast<std::size_t>(memory.st_size);
    pixels_ = mmap(nullptr, mapped_, PROT_READ, MAP_SHARED, memory_.get(), 0);
    if (pixels_ == MAP_FAILED) {
      pixels_ = nullptr;
      mapped_ = 0;
      throw std::bad_alloc();
    }
  }
  std::memcpy(image.data(), pixels_, image.bytes());
  return image;
}

void WorkerProcess::send_all(std::string_view bytes, Clock::time_point deadline,
                             const std::stop_token& stop) {
  while (!bytes.empty()) {
    wait_for(POLLOUT, deadline, stop);
    const auto sent = send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (sent < 0) throw death();
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

std::string WorkerProcess::receive(std::size_t size, Clock::time_point deadline,
                                   const std::stop_token& stop) {
  std::string bytes(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    wait_for(POLLIN, deadline, stop);
    const auto got = recv(socket_.get(), bytes.data() + done, size - done, MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) throw death();
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

void WorkerProcess::wait_for(short events, Clock::time_point deadline, const std::stop_token& stop) {
  while (true) {
    if (stop.stop_requested()) throw Cancelled{};
    pollfd ready{.fd = socket_.get(), .events = events, .revents = 0};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()) + 1ms;
    const auto slice = std::clamp<std::chrono::milliseconds>(left, 0ms, kStopInterval);
    if (poll(&ready, 1, static_cast<int>(slice.count())) > 0) return;
    if (Clock::now() >= deadline)
      throw WorkerFailure{fmt::format("timed out after {:g} s", timeout_.count()), true};
  }
}

WorkerFailure WorkerProcess::death() {
  // A process that closed its socket but lives is of no use either.
  const auto ended = [&](int options) {
    int status = 0;
    return waitpid(pid_, &status, options) == pid_ ? std::optional(status) : std::nullopt;
  };
  std::optional<int> status;
  for (const auto end = Clock::now() + 200ms; !status && Clock::now() < end; std::this_thread::sleep_for(1ms))
    status = ended(WNOHANG);
  if (!status) return {"the reading process stopped answering"};
  pid_ = -1;
  if (WIFSIGNALED(*status) && WTERMSIG(*status) == SIGKILL)
    return {"the decoder was killed (signal 9), as happens where memory runs out"};
  if (WIFSIGNALED(*status)) return {fmt::format("the decoder crashed with signal {}", WTERMSIG(*status))};
  return {fmt::format("the reading process ended with exit code {}", WEXITSTATUS(*status))};
}

}  // namespace imaging::detail
