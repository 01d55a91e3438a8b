#include "imaging/tiling/tile_stream.h"

#include <fmt/format.h>

#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <variant>

#include "imaging/base/error.h"
#include "imaging/slide/area_resample.h"

namespace imaging {

class TileStream::Impl {
 public:
  Impl(const SlideReader& reader, const TileGrid& grid, const TileStreamOptions& options,
       std::stop_token stop)
      : reader_(reader), grid_(grid), max_corrupt_(options.max_corrupt), stop_(std::move(stop)) {
    if (options.workers < 1 || options.queue_tiles < 1) {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("A tile stream of {} workers and a queue of {} tiles; both must be at least 1.",
                              options.workers, options.queue_tiles));
    }
    slots_.resize(static_cast<std::size_t>(options.queue_tiles));
    for (int i = 0; i < options.workers; ++i) {
      workers_.emplace_back([this](const std::stop_token& own_stop) { work(own_stop); });
    }
  }

  ~Impl() {
    for (auto& worker : workers_) worker.request_stop();
  }

  std::optional<Tile> next() {
    while (true) {
      if (stop_.stop_requested()) throw Cancelled{};
      if (passed_ == tile_count()) return std::nullopt;
      auto result = take();
      const auto number = passed_++;
      has_room_.notify_all();
      if (auto* pixels = std::get_if<Image8>(&result)) return Tile{number, std::move(*pixels)};
      if (auto* reason = std::get_if<std::string>(&result)) {
        corrupt_.push_back({number, grid_.tiles()[static_cast<std::size_t>(number)], std::move(*reason)});
        give_up_if_too_many();
        continue;
      }
      std::rethrow_exception(std::get<std::exception_ptr>(result));
    }
  }

  const std::vector<CorruptTile>& corrupt_tiles() const { return corrupt_; }

 private:
  /// Empty, or what became of the tile: its pixels, why it is corrupt, or any other failure.
  using Slot = std::variant<std::monostate, Image8, std::string, std::exception_ptr>;

  void give_up_if_too_many() const {
    if (static_cast<double>(corrupt_.size()) / static_cast<double>(tile_count()) <= max_corrupt_) return;
    throw Error(
        ErrorCode::corrupt_data,
        fmt::format("{} of the first {} of {} tissue tiles are corrupt, more than the {:g} % of all that "
                    "are allowed, and the rest was not read; the first: {}",
                    corrupt_.size(), passed_, tile_count(), 100 * max_corrupt_, corrupt_.front().reason));
  }

  std::int64_t tile_count() const { return static_cast<std::int64_t>(grid_.tiles().size()); }
  Slot& slot_of(std::int64_t number) {
    return slots_[static_cast<std::size_t>(number % static_cast<std::int64_t>(slots_.size()))];
  }

  /// Waits for tile `passed_` and frees its slot.
  Slot take() {
    std::unique_lock lock(mutex_);
    auto& slot = slot_of(passed_);
    if (!has_tile_.wait(lock, stop_, [&] { return slot.index() != 0; })) throw Cancelled{};
    taken_ = passed_ + 1;
    return std::exchange(slot, Slot{});
  }

  void work(const std::stop_token& own_stop) {
    while (true) {
      std::int64_t number = 0;
      {
        std::unique_lock lock(mutex_);
        const auto may_start = [&] {
          return claimed_ == tile_count() || claimed_ < taken_ + static_cast<std::int64_t>(slots_.size());
        };
        has_room_.wait(lock, own_stop, may_start);
        if (claimed_ == tile_count() || own_stop.stop_requested() || stop_.stop_requested()) return;
        number = claimed_++;
      }
      auto result = decode(number);
      {
        const std::lock_guard lock(mutex_);
        slot_of(number) = std::move(result);
      }
      has_tile_.notify_one();
    }
  }

  Slot decode(std::int64_t number) const {
    try {
      const auto side = grid_.options().tile_px;
      return read_area(reader_, grid_.rect_l0(grid_.tiles()[static_cast<std::size_t>(number)]), {side, side});
    } catch (const Error& error) {
      if (error.code() == ErrorCode::corrupt_data) return std::string(error.what());
      return std::current_exception();
    } catch (...) {
      return std::current_exception();
    }
  }

  const SlideReader& reader_;
  const TileGrid& grid_;
  const double max_corrupt_;
  std::stop_token stop_;
  std::mutex mutex_;
  std::condition_variable_any has_tile_;
  std::condition_variable_any has_room_;
  std::vector<Slot> slots_;   // ring: tile n lies in slot n modulo its size
  std::int64_t claimed_ = 0;  // tiles given to workers
  std::int64_t taken_ = 0;    // tiles taken out of the ring
  std::int64_t passed_ = 0;   // the consumer's copy of taken_
  std::vector<CorruptTile> corrupt_;
  std::vector<std::jthread> workers_;  // last: joined before the rest goes
};

TileStream::TileStream(const SlideReader& reader, const TileGrid& grid, const TileStreamOptions& options,
                       std::stop_token stop)
    : impl_(std::make_unique<Impl>(reader, grid, options, std::move(stop))) {}

TileStream::~TileStream() = default;

std::optional<Tile> TileStream::next() {
  return impl_->next();
}

const std::vector<CorruptTile>& TileStream::corrupt_tiles() const {
  return impl_->corrupt_tiles();
}

}  // namespace imaging
