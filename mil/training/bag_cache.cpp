#include "mil/training/bag_cache.h"

#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

#include "imaging/base/error.h"
#include "mil/bags/bag_tensor.h"

namespace mil {
namespace {

namespace fs = std::filesystem;
using BagPointer = std::shared_ptr<const Bag>;

std::int64_t feature_bytes(const Bag& bag) {
  return bag.count * bag.dim * static_cast<std::int64_t>(sizeof(float));
}

/// Bytes of features in memory. Bags in use refer to it, so that it outlives the cache.
struct Ledger {
  mutable std::mutex mutex;
  std::condition_variable_any changed;
  std::int64_t bytes = 0;
};

/// Counts the bag until its last user lets it go.
BagPointer enter(const std::shared_ptr<Ledger>& ledger, Bag&& bag) {
  const auto bytes = feature_bytes(bag);
  {
    const std::scoped_lock lock(ledger->mutex);
    ledger->bytes += bytes;
  }
  return {new Bag(std::move(bag)), [ledger, bytes](const Bag* gone) {
            delete gone;
            const std::scoped_lock lock(ledger->mutex);
            ledger->bytes -= bytes;
            ledger->changed.notify_all();
          }};
}

}  // namespace

class BagCache::Impl {
 public:
  Impl(BagFiles files, std::int64_t max_bytes)
      : files_(std::move(files)),
        max_bytes_(max_bytes),
        reader_([this](const std::stop_token& stop) { read_ahead(stop); }) {}

  void expect(std::span<const std::string> ids) {
    std::map<std::string, Ahead> dropped;  // freed after the lock, which freeing takes too
    {
      const std::scoped_lock lock(ledger_->mutex);
      expected_.assign(ids.begin(), ids.end());
      dropped.swap(ahead_);
      for (const auto& id : expected_) {
        if (auto node = dropped.extract(id)) ahead_.insert(std::move(node));
      }
    }
    ledger_->changed.notify_all();
  }

  BagPointer get(const std::string& id) {
    std::unique_lock lock(ledger_->mutex);
    if (const auto next = std::find(expected_.begin(), expected_.end(), id); next != expected_.end()) {
      expected_.erase(next);
    }
    if (const auto kept = kept_.find(id); kept != kept_.end()) {
      lock.unlock();
      return kept->second.halves.empty() ? kept->second.bag : widened(kept->second);
    }
    ledger_->changed.wait(lock, [&] { return reading_ != id; });
    const auto ahead = ahead_.extract(id);
    lock.unlock();
    if (ahead && ahead.mapped().error) std::rethrow_exception(ahead.mapped().error);
    const auto bag = ahead ? ahead.mapped().bag : read(id);
    keep(id, bag);
    ledger_->changed.notify_all();
    return bag;
  }

  [[nodiscard]] std::int64_t held_bytes() const {
    const std::scoped_lock lock(ledger_->mutex);
    return ledger_->bytes;
  }

 private:
  struct Ahead {
    BagPointer bag;
    std::exception_ptr error;
  };
  struct Kept {
    BagPointer bag;  ///< without its features where there are halves
    std::vector<std::uint16_t> halves;
    std::int64_t bytes = 0;
  };

  BagPointer read(const std::string& id) {
    const auto files = files_.find(id);
    if (files == files_.end()) {
      throw imaging::Error(
          imaging::ErrorCode::not_found,
          fmt::format("There is no bag for {}; encode it, or take it out of the split.", id));
    }
    auto bag = read_bag(id, files->second);
    const auto bytes = feature_bytes(bag);
    {
      const std::scoped_lock lock(ledger_->mutex);
      sizes_[id] = bytes;
      largest_ = std::max(largest_, bytes);
    }
    return enter(ledger_, std::move(bag));
  }

  BagPointer widened(const Kept& kept) {
    Bag bag = *kept.bag;
    const auto size = static_cast<std::int64_t>(kept.halves.size());
    bag.features.resize(kept.halves.size());
    widen(kept.halves.data(), size, bag.features.data());
    return enter(ledger_, std::move(bag));
  }

  /// Keeps the bag where there is room, and gives up kept ones where larger bags leave too little.
  void keep(const std::string& id, const BagPointer& bag) {
    std::vector<Kept> given_up;  // freed without the lock, which freeing takes itself
    const auto bytes = feature_bytes(*bag) / (bag->is_half ? 2 : 1);
    {
      const std::scoped_lock lock(ledger_->mutex);
      const auto room = max_bytes_ - 2 * largest_;
      while (!kept_.empty() && kept_bytes_ > room) {
        given_up.push_back(std::move(kept_.extract(std::prev(kept_.end())).mapped()));
        kept_bytes_ -= given_up.back().bytes;
        if (!given_up.back().halves.empty()) ledger_->bytes -= given_up.back().bytes;
      }
      if (kept_bytes_ + bytes > room) return;
      kept_bytes_ += bytes;
      if (bag->is_half) ledger_->bytes += bytes;
    }
    Kept kept{.bag = bag, .halves = {}, .bytes = bytes};
    if (bag->is_half) {
      kept.bag = std::make_shared<const Bag>(Bag{.id = bag->id,
                                                 .count = bag->count,
                                                 .dim = bag->dim,
                                                 .features = {},
                                                 .coords = bag->coords,
                                                 .slide_counts = bag->slide_counts,
                                                 .is_half = true});
      kept.halves.resize(bag->features.size());
      narrow(bag->features.data(), bag->count * bag->dim, kept.halves.data());
    }
    const std::scoped_lock lock(ledger_->mutex);
    kept_.emplace(id, std::move(kept));
  }

  /// What the bag takes in memory, as far as is known before it was read once.
  [[nodiscard]] std::int64_t size_of(const std::string& id) const {
    if (const auto known = sizes_.find(id); known != sizes_.end()) return known->second;
    std::int64_t bytes = 0;
    for (const auto& path : files_.at(id)) {
      std::error_code missing;
      const auto size = fs::file_size(path, missing);
      if (!missing) bytes += static_cast<std::int64_t>(size);
    }
    return bytes;
  }

  /// The first announced bag that is not in memory, where there is room for it.
  [[nodiscard]] std::optional<std::string> next_to_read() const {
    for (const auto& id : expected_) {
      if (kept_.contains(id) || ahead_.contains(id) || !files_.contains(id)) continue;
      if (ledger_->bytes + size_of(id) > max_bytes_) return std::nullopt;
      return id;
    }
    return std::nullopt;
  }

  void read_ahead(const std::stop_token& stop) {
    omp_set_num_threads(1);  // of this thread: the others compute meanwhile
    std::unique_lock lock(ledger_->mutex);
    std::optional<std::string> next;
    while (ledger_->changed.wait(lock, stop, [&] { return (next = next_to_read()).has_value(); })) {
      reading_ = next;
      lock.unlock();
      Ahead ahead;
      try {
        ahead.bag = read(*next);
      } catch (...) {
        ahead.error = std::current_exception();
      }
      lock.lock();
      reading_.reset();
      ahead_.emplace(*next, std::move(ahead));
      ledger_->changed.notify_all();
    }
  }

  BagFiles files_;
  std::int64_t max_bytes_;
  std::shared_ptr<Ledger> ledger_ = std::make_shared<Ledger>();  // its lock guards all that follows
  std::deque<std::string> expected_;
  std::optional<std::string> reading_;
  std::map<std::string, Ahead> ahead_;
  std::map<std::string, Kept> kept_;
  std::map<std::string, std::int64_t> sizes_;  // of bags that were read
  std::int64_t largest_ = 0;
  std::int64_t kept_bytes_ = 0;
  std::jthread reader_;  // last: joined before the rest goes
};

BagCache::BagCache(BagFiles files, std::int64_t max_bytes)
    : impl_(std::make_unique<Impl>(std::move(files), max_bytes)) {}
BagCache::~BagCache() = default;

void BagCache::expect(std::span<const std::string> ids) {
  impl_->expect(ids);
}

BagPointer BagCache::get(const std::string& id) {
  return impl_->get(id);
}

std::int64_t BagCache::held_bytes() const {
  return impl_->held_bytes();
}

}  // namespace mil
