#include "imaging/tiling/tile_cache.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <thread>
#include <unordered_map>
#include <vector>

#include "imaging/base/error.h"
#include "imaging/base/job.h"
#include "imaging/slide/area_resample.h"
#include "imaging/slide/file_identity.h"

namespace imaging {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t kTileOverhead = 512;       // bytes counted for an entry's own bookkeeping
constexpr auto kStall = std::chrono::seconds(1);  // a read that takes longer holds its slide back, no other
constexpr auto kLook = std::chrono::milliseconds(250);
constexpr std::size_t kMostStandIns = 4;  // workers that come in for those that wait for a device

struct KeyHash {
  std::size_t operator()(const ViewTileKey& key) const {
    std::uint64_t hash = key.source * 31U + static_cast<std::uint64_t>(key.level);
    for (const auto part : {static_cast<std::uint64_t>(key.column), static_cast<std::uint64_t>(key.row)}) {
      hash = (hash ^ part) * 0x9E3779B97F4A7C15ULL;
      hash ^= hash >> 29U;
    }
    return hash;
  }
};

/// What tells sources apart; a file that vanished has one too.
struct SourceStamp {
  std::filesystem::path path;
  std::optional<FileIdentity> identity;
  std::string hash;
  bool operator==(const SourceStamp&) const = default;
};

SourceStamp stamp_of(const std::filesystem::path& path) {
  return {path, identify_file(path), quick_hash(path)};
}

Image8 to_bgrx(const Image8& rgb) {
  Image8 out(rgb.width(), rgb.height(), 4);
  const auto* from = rgb.data();
  auto* to = out.data();
  for (std::int64_t i = 0; i < rgb.width() * rgb.height(); ++i, from += 3, to += 4) {
    to[0] = from[2];
    to[1] = from[1];
    to[2] = from[0];
    to[3] = 255;
  }
  return out;
}

Image8 read_tile(const SlideReader& reader, const ViewTileKey& key) {
  const auto step = std::ldexp(1.0, key.level);
  const auto slide = reader.info().size_l0();
  const auto corner = view_tile_rect_l0(key);
  const auto cut = [&](double start, std::int64_t end) {
    return std::min(kViewTilePx,
                    static_cast<std::int64_t>(std::ceil((static_cast<double>(end) - start) / step)));
  };
  const SizeI size{cut(corner.x, slide.width), cut(corner.y, slide.height)};
  const RectD rect{corner.x, corner.y, static_cast<double>(size.width) * step,
                   static_cast<double>(size.height) * step};
  return to_bgrx(read_area(reader, rect, size));
}

ViewTile load_tile(const SlideReader& reader, const ViewTileKey& key) {
  ViewTile tile;
  for (int attempt = 0; attempt < 2; ++attempt) {
    const auto outcome =
        run_job([&](const JobContext&) { tile.bgrx = read_tile(reader, key); }, JobContext{});
    if (outcome.status == JobStatus::done) return {std::move(tile.bgrx), {}};
    tile.error = outcome.message.empty() ? "The reading was stopped." : outcome.message;
  }
  return tile;
}

}  // namespace

RectD view_tile_rect_l0(const ViewTileKey& key) {
  const auto side = std::ldexp(static_cast<double>(kViewTilePx), key.level);
  return {static_cast<double>(key.column) * side, static_cast<double>(key.row) * side, side, side};
}

class TileCache::Impl {
 public:
  Impl(std::int64_t max_bytes, int workers) : max_bytes_(max_bytes) {
    most_workers_ = static_cast<std::size_t>(workers) + kMostStandIns;
    for (int i = 0; i < workers; ++i) add_worker();
    watcher_ = std::jthread([this](const std::stop_token& stop) { watch(stop); });
  }

  std::uint32_t add_source(std::shared_ptr<const SlideReader> reader) {
    auto stamp = stamp_of(reader->info().path);
    const std::lock_guard lock(mutex_);
    for (auto& [number, source] : sources_) {
      if (source.stamp == stamp) {
        ++source.users;
        return number;
      }
    }
    const auto number = ++last_source_;
    sources_.emplace(number, Source{std::move(reader), std::move(stamp), 1});
    return number;
  }

  void remove_source(std::uint32_t number) {
    const std::lock_guard lock(mutex_);
    const auto found = sources_.find(number);
    if (found == sources_.end() || --found->second.users > 0) return;
    sources_.erase(found);
    for (auto entry = order_.begin(); entry != order_.end();) {
      const auto next = std::next(entry);
      if (entry->source == number) erase(*entry);
      entry = next;
    }
  }

  std::uint64_t add_viewer(Arrived arrived) {
    const std::lock_guard callbacks(callback_mutex_);
    const std::lock_guard lock(mutex_);
    const auto number = ++last_viewer_;
    callbacks_.emplace(number, std::move(arrived));
    wishes_.emplace(number, Wishes{});
    return number;
  }

  void remove_viewer(std::uint64_t number) {
    const std::lock_guard callbacks(callback_mutex_);
    const std::lock_guard lock(mutex_);
    callbacks_.erase(number);
    counters_.dropped += static_cast<std::int64_t>(wishes_[number].queue.size());
    wishes_.erase(number);
  }

  void want(std::uint64_t viewer, std::span<const ViewTileKey> keys) {
    {
      const std::lock_guard lock(mutex_);
      auto& wishes = wishes_.at(viewer);
      const auto now = Clock::now();
      std::map<ViewTileKey, Clock::time_point> since;
      for (const auto& wish : wishes.queue) since.emplace(wish.key, wish.since);
      wishes.queue.clear();
      for (const auto& key : keys) {
        const auto old = since.find(key);
        const auto started = old == since.end() ? now : old->second;
        if (old != since.end()) since.erase(old);
        if (!held_.contains(key) && sources_.contains(key.source)) wishes.queue.push_back({key, started});
      }
      counters_.dropped += static_cast<std::int64_t>(since.size());
      wishes.spoke = ++turns_;
    }
    wake_.notify_all();
  }

  std::shared_ptr<const ViewTile> find(const ViewTileKey& key) {
    const std::lock_guard lock(mutex_);
    const auto found = held_.find(key);
    if (found == held_.end()) {
      ++counters_.misses;
      return nullptr;
    }
    ++counters_.hits;
    order_.splice(order_.begin(), order_, found->second.place);
    return found->second.tile;
  }

  std::int64_t max_bytes() const { return max_bytes_; }
  TileCacheCounters counters() const {
    const std::lock_guard lock(mutex_);
    return counters_;
  }

 private:
  struct Source {
    std::shared_ptr<const SlideReader> reader;
    SourceStamp stamp;
    int users = 0;
  };
  struct Wish {
    ViewTileKey key;
    Clock::time_point since;
  };
  struct Wishes {
    std::deque<Wish> queue;
    std::uint64_t spoke = 0;  // turn of the last want()
  };
  struct Entry {
    std::shared_ptr<const ViewTile> tile;
    std::int64_t bytes = 0;
    std::list<ViewTileKey>::iterator place;
  };

  void add_worker() {
    workers_.emplace_back([this](const std::stop_token& stop) { work(stop); });
  }

  // True where a read of this slide has been under way for so long that its device hardly answers.
  bool is_stalled(std::uint32_t source) const {
    const auto found = at_work_.find(source);
    return found != at_work_.end() && Clock::now() - *found->second.begin() > kStall;
  }

  bool has_wish() const {
    return std::ranges::any_of(wishes_, [this](const auto& viewer) {
      return std::ranges::any_of(viewer.second.queue,
                                 [this](const Wish& wish) { return !is_stalled(wish.key.source); });
    });
  }

  // The next wish that nobody is loading, of the viewer that spoke last; from now on it is being loaded.
  // Slides that do not answer have to wait, so that they take no worker from the others.
  std::optional<ViewTileKey> take_wish() {
    std::vector<std::pair<const std::uint64_t, Wishes>*> viewers;
    for (auto& viewer : wishes_) viewers.push_back(&viewer);
    std::ranges::sort(viewers,
                      [](const auto* a, const auto* b) { return a->second.spoke > b->second.spoke; });
    for (auto* viewer : viewers) {
      auto& queue = viewer->second.queue;
      for (auto place = queue.begin(); place != queue.end();) {
        const auto wish = *place;
        const bool is_known = !held_.contains(wish.key) && sources_.contains(wish.key.source);
        if (is_known && is_stalled(wish.key.source)) {
          ++place;
          continue;
        }
        place = queue.erase(place);
        if (!is_known) continue;
        const auto [load, is_first] = loading_.try_emplace(wish.key);
        load->second.try_emplace(viewer->first, wish.since);
        if (is_first) return wish.key;
      }
    }
    return std::nullopt;
  }

  void work(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      const auto key = take_wish();
      if (!key) {
        // Every change of the wishes happens under the mutex, so no wake-up is missed.
        wake_.wait(lock, stop, [this] { return has_wish(); });
        continue;
      }
      const auto reader = sources_.at(key->source).reader;
      const auto began = at_work_[key->source].insert(Clock::now());
      watched_.notify_one();
      lock.unlock();
      auto tile = std::make_shared<const ViewTile>(load_tile(*reader, *key));
      lock.lock();
      const bool was_stalled = is_stalled(key->source);
      at_work_[key->source].erase(began);
      if (at_work_[key->source].empty()) at_work_.erase(key->source);
      ++counters_.loads;
      if (tile->is_damaged()) ++counters_.damaged;
      count_waits(*key);
      if (sources_.contains(key->source)) insert(*key, std::move(tile));
      lock.unlock();
      if (was_stalled) wake_.notify_all();  // its wishes have their turn again
      {
        const std::lock_guard callbacks(callback_mutex_);
        for (const auto& [number, arrived] : callbacks_) arrived(*key);
      }
      lock.lock();
    }
  }

  // Brings another worker in where all of them wait for devices and somebody wants another slide.
  void watch(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      watched_.wait(lock, stop, [this] { return !at_work_.empty(); });
      watched_.wait_for(lock, stop, kLook, [] { return false; });
      std::size_t held_up = 0;
      for (const auto& [source, begun] : at_work_) {
        held_up += static_cast<std::size_t>(
            std::ranges::count_if(begun, [](const auto& when) { return Clock::now() - when > kStall; }));
      }
      if (held_up >= workers_.size() && workers_.size() < most_workers_ && has_wish()) add_worker();
    }
  }

  // Ends the load of `key` for all who waited for it, those included whose wish had not had its turn.
  void count_waits(const ViewTileKey& key) {
    auto since = std::move(loading_.extract(key).mapped());
    for (auto& [viewer, wishes] : wishes_) {
      std::erase_if(wishes.queue, [&, number = viewer](const Wish& wish) {
        if (wish.key == key) since.try_emplace(number, wish.since);
        return wish.key == key;
      });
    }
    const auto now = Clock::now();
    counters_.waits += static_cast<std::int64_t>(since.size());
    for (const auto& [viewer, start] : since)
      counters_.wait_ms += std::chrono::duration<double, std::milli>(now - start).count();
  }

  void insert(const ViewTileKey& key, std::shared_ptr<const ViewTile> tile) {
    const auto bytes = static_cast<std::int64_t>(tile->bgrx.bytes()) + kTileOverhead;
    if (bytes > max_bytes_) return;
    while (counters_.bytes + bytes > max_bytes_) {
      const auto oldest = order_.back();
      erase(oldest);
      ++counters_.evicted;
    }
    order_.push_front(key);
    held_.emplace(key, Entry{std::move(tile), bytes, order_.begin()});
    counters_.bytes += bytes;
    counters_.peak_bytes = std::max(counters_.peak_bytes, counters_.bytes);
  }

  void erase(const ViewTileKey key) {
    const auto found = held_.find(key);
    counters_.bytes -= found->second.bytes;
    order_.erase(found->second.place);
    held_.erase(found);
  }

  const std::int64_t max_bytes_;
  mutable std::mutex mutex_;  // all below but the callbacks; taken after callback_mutex_ where both are
  std::condition_variable_any wake_, watched_;
  std::map<std::uint32_t, std::multiset<Clock::time_point>> at_work_;  // when the reads under way began
  std::map<std::uint32_t, Source> sources_;
  std::uint32_t last_source_ = 0;
  std::map<std::uint64_t, Wishes> wishes_;
  std::uint64_t last_viewer_ = 0;
  std::uint64_t turns_ = 0;
  std::unordered_map<ViewTileKey, Entry, KeyHash> held_;
  std::list<ViewTileKey> order_;                                               // last used first
  std::map<ViewTileKey, std::map<std::uint64_t, Clock::time_point>> loading_;  // who waits, and since when
  TileCacheCounters counters_;

  std::mutex callback_mutex_;
  std::map<std::uint64_t, Arrived> callbacks_;
  std::size_t most_workers_ = 0;
  std::vector<std::jthread> workers_;  // joined before the rest goes
  std::jthread watcher_;               // last: it makes workers
};

TileCache::TileCache(std::int64_t max_bytes, int workers) {
  if (max_bytes < 0 || workers < 1) {
    throw Error(ErrorCode::invalid_argument, "A tile cache needs max_bytes >= 0 and workers >= 1, got " +
                                                 std::to_string(max_bytes) + " and " +
                                                 std::to_string(workers) + ".");
  }
  impl_ = std::make_unique<Impl>(max_bytes, workers);
}

TileCache::~TileCache() = default;

std::uint32_t TileCache::add_source(std::shared_ptr<const SlideReader> reader) {
  return impl_->add_source(std::move(reader));
}

void TileCache::remove_source(std::uint32_t source) {
  impl_->remove_source(source);
}

std::unique_ptr<TileCache::Viewer> TileCache::make_viewer(Arrived arrived) {
  return std::unique_ptr<Viewer>(new Viewer(*this, impl_->add_viewer(std::move(arrived))));
}

TileCache::Viewer::~Viewer() {
  cache_.impl_->remove_viewer(number_);
}

void TileCache::Viewer::want(std::span<const ViewTileKey> keys) {
  cache_.impl_->want(number_, keys);
}

std::shared_ptr<const ViewTile> TileCache::find(const ViewTileKey& key) {
  return impl_->find(key);
}

TileCacheCounters TileCache::counters() const {
  return impl_->counters();
}

std::int64_t TileCache::max_bytes() const {
  return impl_->max_bytes();
}

}  // namespace imaging
