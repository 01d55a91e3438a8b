#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace models {

/// Makes a sequence ahead of its consumer on worker threads and hands it out in order: what comes out does
/// not depend on the number of workers or on timing. At most `ahead` items wait.
///
/// @par Threads  `make` is called from several threads at once; `next` from one.
template <typename T>
class OrderedAhead {
 public:
  /// @param make  item of a number 0 to count - 1; what it throws comes out of `next` at that item
  OrderedAhead(std::size_t count, std::size_t workers, std::size_t ahead, std::function<T(std::size_t)> make)
      : count_(count), ahead_(ahead == 0 ? 1 : ahead), make_(std::move(make)) {
    for (std::size_t i = 0; i < (workers == 0 ? 1 : workers); ++i)
      threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
  }
  ~OrderedAhead() {
    for (auto& thread : threads_) thread.request_stop();
    const std::scoped_lock lock(mutex_);
    room_.notify_all();
  }
  OrderedAhead(const OrderedAhead&) = delete;
  OrderedAhead& operator=(const OrderedAhead&) = delete;

  /// To be called at most `count` times.
  [[nodiscard]] T next() {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [&] { return made_.contains(taken_); });
    auto item = std::move(made_.extract(taken_).mapped());
    ++taken_;
    room_.notify_all();
    if (item.error) std::rethrow_exception(item.error);
    return std::move(*item.value);
  }

 private:
  struct Item {
    std::optional<T> value;
    std::exception_ptr error;
  };

  void work(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (true) {
      room_.wait(lock,
                 [&] { return stop.stop_requested() || started_ >= count_ || started_ < taken_ + ahead_; });
      if (stop.stop_requested() || started_ >= count_) return;
      const auto number = started_++;
      lock.unlock();
      Item item;
      try {
        item.value = make_(number);
      } catch (...) {
        item.error = std::current_exception();
      }
      lock.lock();
      made_.emplace(number, std::move(item));
      ready_.notify_one();
    }
  }

  std::size_t count_, ahead_;
  std::function<T(std::size_t)> make_;
  std::mutex mutex_;
  std::condition_variable ready_, room_;
  std::map<std::size_t, Item> made_;
  std::size_t started_ = 0, taken_ = 0;
  std::vector<std::jthread> threads_;  // last: joined before the rest goes
};

}  // namespace models
