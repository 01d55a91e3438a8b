#include "imaging/slide/isolated_reader.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include "imaging/base/error.h"
#include "imaging/base/version.h"
#include "imaging/slide/detail/worker_process.h"

namespace imaging {
namespace fs = std::filesystem;
namespace {

using detail::Message;
using detail::WorkerFailure;
using detail::WorkerProcess;

constexpr int kMostTimeoutsInARow = 10;

class IsolatedReader final : public SlideReader {
 public:
  IsolatedReader(fs::path path, IsolationOptions options, std::stop_token stop)
      : path_(std::move(path)), options_(std::move(options)), stop_(std::move(stop)) {
    try {
      auto worker = start();
      info_ = std::move(worker.second);
      idle_.push_back(std::move(worker.first));
    } catch (const WorkerFailure& failure) {
      throw Error(ErrorCode::corrupt_data,
                  fmt::format("{}: cannot be opened: {}.", path_.string(), failure.reason));
    }
  }

  const SlideInfo& info() const override { return info_; }

  Image8 read_region(std::int64_t x_l0, std::int64_t y_l0, int level, SizeI size) const override {
    const Message request{{"ask", "region"}, {"x", x_l0},           {"y", y_l0},
                          {"level", level},  {"width", size.width}, {"height", size.height}};
    return read(request, size, [&] {
      return fmt::format("the region of {} x {} pixels at ({}, {}) of level {}", size.width, size.height,
                         x_l0, y_l0, level);
    });
  }

  Image8 read_associated(const std::string& name) const override {
    return read({{"ask", "associated"}, {"name", name}}, std::nullopt,
                [&] { return fmt::format("the associated image '{}'", name); });
  }

 private:
  /// A process that has opened the slide, and what it says of it.
  std::pair<std::unique_ptr<WorkerProcess>, SlideInfo> start() const {
    auto worker =
        std::make_unique<WorkerProcess>(options_.worker, std::chrono::duration<double>(options_.timeout_s));
    const auto answer = worker->call({{"ask", "open"}, {"path", path_.string()}}, stop_);
    if (const auto version = detail::version_from_message(answer); version != kVersion) {
      throw Error(ErrorCode::incompatible,
                  fmt::format("{} is of Tessera '{}', this is {}; install both together.",
                              options_.worker.filename().string(), version, kVersion));
    }
    return {std::move(worker), detail::info_from_message(detail::part_of_message(answer, "info"))};
  }

  std::unique_ptr<WorkerProcess> take_worker() const {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        auto worker = std::move(idle_.back());
        idle_.pop_back();
        return worker;
      }
    }
    return start().first;
  }

  void give_back(std::unique_ptr<WorkerProcess> worker) const {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(worker));
  }

  Image8 ask(WorkerProcess& worker, const Message& request, std::optional<SizeI> wanted) const {
    const auto size = detail::size_from_message(worker.call(request, stop_));
    if (wanted && size != *wanted) {
      throw WorkerFailure{fmt::format("the reading process gave {} x {} pixels for {} x {}", size.width,
                                      size.height, wanted->width, wanted->height)};
    }
    return worker.take_image(size);
  }

  /// @param wanted  size that the answer must have
  template <typename Describe>
  Image8 read(const Message& request, std::optional<SizeI> wanted, const Describe& describe) const {
    WorkerFailure last;
    for (int attempt = 0; attempt < 2; ++attempt) {
      try {
        auto worker = take_worker();
        try {
          auto image = ask(*worker, request, wanted);
          timeouts_in_a_row_ = 0;
          give_back(std::move(worker));
          return image;
        } catch (const Error&) {  // an answer like any other
          timeouts_in_a_row_ = 0;
          give_back(std::move(worker));
          throw;
        }
      } catch (const WorkerFailure& failure) {
        last = failure;
      } catch (const std::bad_alloc&) {
        throw Error(ErrorCode::resource_exhausted,
                    fmt::format("{}: {} needs more memory than is free; close other programs.",
                                path_.string(), describe()));
      }
    }
    if (last.has_timed_out && ++timeouts_in_a_row_ >= kMostTimeoutsInARow) {
      throw Error(ErrorCode::io_error,
                  fmt::format("{}: does not answer: {} reads in a row {}; check the disk or the network it "
                              "lies on.",
                              path_.string(), kMostTimeoutsInARow, last.reason));
    }
    throw Error(ErrorCode::corrupt_data,
                fmt::format("{}: {} cannot be read: {}.", path_.string(), describe(), last.reason));
  }

  const fs::path path_;
  const IsolationOptions options_;
  const std::stop_token stop_;
  SlideInfo info_;
  mutable std::atomic<int> timeouts_in_a_row_{0};
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<WorkerProcess>> idle_;
};

}  // namespace

std::optional<fs::path> find_read_worker() {
  std::error_code failed;
  const auto program = fs::read_symlink("/proc/self/exe", failed);
  if (failed) return std::nullopt;
  auto worker = program.parent_path() / "tessera-read-worker";
  if (access(worker.c_str(), X_OK) != 0) return std::nullopt;
  return worker;
}

std::unique_ptr<SlideReader> open_isolated(const fs::path& path, const IsolationOptions& options,
                                           std::stop_token stop) {
  return std::make_unique<IsolatedReader>(path, options, std::move(stop));
}

}  // namespace imaging
