#include "imaging/slide/read_worker.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <optional>
#include <string>
#include <thread>

#include "imaging/base/job.h"
#include "imaging/base/version.h"
#include "imaging/raster/image_threads.h"
#include "imaging/slide/detail/read_protocol.h"

namespace imaging {
namespace {

using detail::kMemoryFd;
using detail::kSocketFd;
using detail::Message;

constexpr rlim_t kMaxDataBytes = rlim_t{8} << 30;

/// A stray pointer or a lying header ends this process, not the machine; and leaves no core file.
void set_limits() {
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // their shadow memory counts as data
  const rlimit data{kMaxDataBytes, kMaxDataBytes};
  setrlimit(RLIMIT_DATA, &data);
#endif
}

/// PR_SET_PDEATHSIG would follow the thread that started this process, not the program. The socket's other
/// end is closed when the program is gone, however it went.
void end_with_the_program() {
  std::thread([] {
    pollfd program{.fd = kSocketFd, .events = POLLRDHUP, .revents = 0};
    while (poll(&program, 1, -1) < 0 && errno == EINTR) {
    }
    _exit(0);
  }).detach();
}

std::optional<std::string> receive(std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const auto got = recv(kSocketFd, bytes.data() + done, size - done, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return std::nullopt;
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

bool send_message(const Message& message) {
  const auto bytes = detail::encode_message(message);
  std::size_t done = 0;
  while (done < bytes.size()) {
    const auto sent = send(kSocketFd, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    done += static_cast<std::size_t>(sent);
  }
  return true;
}

/// Memory that the program sees too; grows with the largest image.
class SharedPixels {
 public:
  void put(const Image8& image) {
    if (image.bytes() > size_) grow(image.bytes());
    std::memcpy(memory_, image.data(), image.bytes());
  }

 private:
  void grow(std::size_t bytes) {
    if (ftruncate(kMemoryFd, static_cast<off_t>(bytes)) != 0) throw std::bad_alloc();
    if (memory_ != nullptr) munmap(memory_, size_);
    memory_ = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, kMemoryFd, 0);
    size_ = memory_ == MAP_FAILED ? 0 : bytes;
    if (memory_ != MAP_FAILED) return;
    memory_ = nullptr;
    throw std::bad_alloc();
  }

  void* memory_ = nullptr;
  std::size_t size_ = 0;
};

class Server {
 public:
  explicit Server(const std::function<std::unique_ptr<SlideReader>(const std::filesystem::path&)>& open)
      : open_(open) {}

  Message answer(const Message& request) {
    Message reply{{"failed", nullptr}};
    const auto outcome = run_job([&](const JobContext&) { fill(request, reply); }, JobContext{});
    if (outcome.status != JobStatus::done) {
      reply = {{"failed",
                {{"code", static_cast<int>(outcome.code.value_or(ErrorCode::internal))},
                 {"message", outcome.message}}}};
    }
    return reply;
  }

 private:
  void fill(const Message& request, Message& reply) {
    try {
      const auto ask = request.at("ask").get<std::string>();
      if (ask == "open") {
        path_ = request.at("path").get<std::string>();
        reader_ = open_(path_);
        reply["info"] = detail::to_message(reader_->info());
        reply["version"] = kVersion;
      } else if (ask == "region") {
        send_pixels(reader_->read_region(
                        request.at("x").get<std::int64_t>(), request.at("y").get<std::int64_t>(),
                        request.at("level").get<int>(),
                        {request.at("width").get<std::int64_t>(), request.at("height").get<std::int64_t>()}),
                    reply);
      } else {
        send_pixels(reader_->read_associated(request.at("name").get<std::string>()), reply);
      }
    } catch (const std::bad_alloc&) {
      throw Error(ErrorCode::resource_exhausted,
                  fmt::format("{}: needs more memory than a reading process may have ({} GiB).", path_,
                              kMaxDataBytes >> 30));
    }
  }

  void send_pixels(const Image8& image, Message& reply) {
    pixels_.put(image);
    reply["width"] = image.width();
    reply["height"] = image.height();
  }

  const std::function<std::unique_ptr<SlideReader>(const std::filesystem::path&)>& open_;
  std::string path_;
  std::unique_ptr<SlideReader> reader_;
  SharedPixels pixels_;
};

}  // namespace

int serve_reads(const std::function<std::unique_ptr<SlideReader>(const std::filesystem::path&)>& open) {
  signal(SIGTTOU, SIG_IGN);  // a decoder's word on the terminal must not stop it
  set_limits();
  end_with_the_program();
  set_image_threads(1);
  Server server(open);
  while (const auto head = receive(sizeof(std::uint32_t))) {
    const auto body = receive(detail::message_length(*head));
    if (!body || !send_message(server.answer(detail::decode_message(*body)))) break;
  }
  return 0;
}

}  // namespace imaging
