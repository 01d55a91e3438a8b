#include "imaging/tiling/tile_cache.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "tests/support/test_support.h"

namespace imaging {
namespace {

/// A slide painted by formula (red = x / 256, green = y / 256, blue 7) that counts its reads and can be held
/// up.
class PaintedSlide : public SlideReader {
 public:
  explicit PaintedSlide(std::int64_t side, const std::string& name = "painted") {
    info_.path = name;
    info_.levels = {{side, side, 1}};
  }
  const SlideInfo& info() const override { return info_; }
  Image8 read_region(std::int64_t x, std::int64_t y, int, SizeI size) const override {
    {
      std::unique_lock lock(mutex_);
      reads_.emplace_back(x / kViewTilePx, y / kViewTilePx);
      entered_.notify_all();
      opened_.wait(lock, [this] { return open_; });
    }
    if (x / kViewTilePx == damaged_column) throw Error(ErrorCode::corrupt_data, "painted damage");
    Image8 image(size.width, size.height, 3, 7);
    for (std::int64_t row = 0; row < size.height; ++row) {
      for (std::int64_t column = 0; column < size.width; ++column) {
        image.pixel(column, row)[0] = static_cast<std::uint8_t>((x + column) / 256);
        image.pixel(column, row)[1] = static_cast<std::uint8_t>((y + row) / 256);
      }
    }
    return image;
  }
  Image8 read_associated(const std::string&) const override { return {}; }

  void hold() {
    const std::lock_guard lock(mutex_);
    open_ = false;
  }
  void release() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    opened_.notify_all();
  }
  /// Waits until this many reads have begun.
  void wait_for_reads(std::size_t count) const {
    std::unique_lock lock(mutex_);
    entered_.wait(lock, [&] { return reads_.size() >= count; });
  }
  std::vector<std::pair<std::int64_t, std::int64_t>> reads() const {
    const std::lock_guard lock(mutex_);
    return reads_;
  }
  std::int64_t damaged_column = -1;

 private:
  SlideInfo info_;
  mutable std::mutex mutex_;
  mutable std::condition_variable opened_, entered_;
  mutable std::vector<std::pair<std::int64_t, std::int64_t>> reads_;
  bool open_ = true;
};

/// Counts arrivals and lets a test wait for them.
class Arrivals {
 public:
  TileCache::Arrived callback() {
    return [this](const ViewTileKey& key) {
      const std::lock_guard lock(mutex_);
      keys_.insert(key);
      changed_.notify_all();
    };
  }
  bool wait_for(const std::vector<ViewTileKey>& keys) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(60), [&] {
      return std::ranges::all_of(keys, [this](const auto& key) { return keys_.contains(key); });
    });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<ViewTileKey> keys_;
};

constexpr std::int64_t kTileBytes = kViewTilePx * kViewTilePx * 4 + 512;

std::vector<ViewTileKey> row_of(std::uint32_t source, std::int64_t first, std::int64_t count) {
  std::vector<ViewTileKey> keys;
  for (auto column = first; column < first + count; ++column) keys.push_back({source, 0, column, 0});
  return keys;
}

TEST(TileCacheTest, ASlideThatDoesNotAnswerHoldsNoOtherUp) {
  TileCache cache(64 * kTileBytes, 2);
  const auto stalled = std::make_shared<PaintedSlide>(4096, "stalled");
  const auto fine = std::make_shared<PaintedSlide>(4096, "fine");
  const auto stalled_source = cache.add_source(stalled), fine_source = cache.add_source(fine);
  stalled->hold();
  Arrivals first, second;
  const auto one = cache.make_viewer(first.callback());
  const auto other = cache.make_viewer(second.callback());
  one->want(row_of(stalled_source, 0, 6));
  stalled->wait_for_reads(2);  // both workers are held up
  other->want(row_of(fine_source, 0, 6));
  EXPECT_TRUE(second.wait_for(row_of(fine_source, 0, 6)));
  EXPECT_EQ(stalled->reads().size(), 2U) << "no further worker goes there";
  stalled->release();
  EXPECT_TRUE(first.wait_for(row_of(stalled_source, 0, 6))) << "what was wanted comes when it answers";
}

TEST(TileCacheTest, DeliversThePixelsOfTheSlideAsBgrx) {
  TileCache cache(64 * kTileBytes, 2);
  const auto source = cache.add_source(std::make_shared<PaintedSlide>(4096));
  Arrivals arrivals;
  const auto viewer = cache.make_viewer(arrivals.callback());
  const ViewTileKey key{source, 0, 3, 5};
  viewer->want(std::vector{key});
  ASSERT_TRUE(arrivals.wait_for({key}));

  const auto tile = cache.find(key);

  ASSERT_TRUE(tile);
  EXPECT_EQ(tile->bgrx.width(), kViewTilePx);
  const std::vector<int> pixel(tile->bgrx.pixel(17, 200), tile->bgrx.pixel(17, 200) + 4);
  EXPECT_EQ(pixel, (std::vector<int>{7, 5, 3, 255}));
}

TEST(TileCacheTest, CutsTilesAtTheSlidesEdge) {
  TileCache cache(64 * kTileBytes, 1);
  const auto source = cache.add_source(std::make_shared<PaintedSlide>(300));
  Arrivals arrivals;
  const auto viewer = cache.make_viewer(arrivals.callback());
  const ViewTileKey key{source, 0, 1, 0};
  viewer->want(std::vector{key});
  ASSERT_TRUE(arrivals.wait_for({key}));

  EXPECT_EQ(cache.find(key)->bgrx.width(), 44);
  EXPECT_EQ(cache.find(key)->bgrx.height(), 256);
}

TEST(TileCacheTest, NeverHoldsMoreBytesThanAllowedAndDropsTheLeastRecentlyUsed) {
  TileCache cache(4 * kTileBytes, 2);
  const auto source = cache.add_source(std::make_shared<PaintedSlide>(1 << 20));
  Arrivals arrivals;
  const auto viewer = cache.make_viewer(arrivals.callback());
  for (std::int64_t first = 0; first < 40; first += 2) {
    const auto keys = row_of(source, first, 2);
    viewer->want(keys);
    ASSERT_TRUE(arrivals.wait_for(keys));
  }

  const auto counters = cache.counters();

  EXPECT_LE(counters.peak_bytes, 4 * kTileBytes);
  EXPECT_EQ(counters.loads, 40);
  EXPECT_EQ(counters.evicted, 36);
  EXPECT_FALSE(cache.find({source, 0, 0, 0}));
  EXPECT_TRUE(cache.find({source, 0, 39, 0}));
}

TEST(TileCacheTest, DecodesATileOnceThoughTwoViewersWantIt) {
  const auto slide = std::make_shared<PaintedSlide>(1 << 16);
  TileCache cache(64 * kTileBytes, 4);
  const auto source = cache.add_source(slide);
  Arrivals left_arrivals, right_arrivals;
  const auto left = cache.make_viewer(left_arrivals.callback());
  const auto right = cache.make_viewer(right_arrivals.callback());
  const auto keys = row_of(source, 0, 20);
  slide->hold();
  left->want(keys);
  right->want(keys);
  left->want(keys);
  slide->release();
  ASSERT_TRUE(left_arrivals.wait_for(keys));
  ASSERT_TRUE(right_arrivals.wait_for(keys));

  EXPECT_EQ(slide->reads().size(), 20U);
  EXPECT_EQ(cache.counters().loads, 20);
  EXPECT_GT(cache.counters().wait_ms, 0);
}

TEST(TileCacheTest, DropsWishesThatAreNoLongerSeenBeforeDecodingThem) {
  const auto slide = std::make_shared<PaintedSlide>(1 << 16);
  TileCache cache(64 * kTileBytes, 1);
  const auto source = cache.add_source(slide);
  Arrivals arrivals;
  const auto viewer = cache.make_viewer(arrivals.callback());
  slide->hold();
  viewer->want(row_of(source, 0, 10));
  slide->wait_for_reads(1);  // the first is being decoded; nine wait
  const auto elsewhere = row_of(source, 100, 2);
  viewer->want(elsewhere);
  slide->release();
  ASSERT_TRUE(arrivals.wait_for(elsewhere));

  EXPECT_EQ(slide->reads(), (std::vector<std::pair<std::int64_t, std::int64_t>>{{0, 0}, {100, 0}, {101, 0}}));
  EXPECT_EQ(cache.counters().dropped, 9);
}

TEST(TileCacheTest, ServesTheViewerThatSpokeLastFirst) {
  const auto slide = std::make_shared<PaintedSlide>(1 << 16);
  TileCache cache(64 * kTileBytes, 1);
  const auto source = cache.add_source(slide);
  Arrivals arrivals;
  const auto older = cache.make_viewer(arrivals.callback());
  const auto newer = cache.make_viewer([](const ViewTileKey&) {});
  slide->hold();
  older->want(row_of(source, 0, 3));
  slide->wait_for_reads(1);
  newer->want(row_of(source, 50, 2));
  slide->release();
  ASSERT_TRUE(arrivals.wait_for({{source, 0, 2, 0}}));

  const auto reads = slide->reads();
  ASSERT_EQ(reads.size(), 5U);
  EXPECT_EQ(reads[1].first, 50);
  EXPECT_EQ(reads[2].first, 51);
}

TEST(TileCacheTest, KeepsADamagedTileToItself) {
  const auto slide = std::make_shared<PaintedSlide>(4096);
  slide->damaged_column = 1;
  TileCache cache(64 * kTileBytes, 1);
  const auto source = cache.add_source(slide);
  Arrivals arrivals;
  const auto viewer = cache.make_viewer(arrivals.callback());
  const auto keys = row_of(source, 0, 3);
  viewer->want(keys);
  ASSERT_TRUE(arrivals.wait_for(keys));

  EXPECT_FALSE(cache.find(keys[0])->is_damaged());
  EXPECT_EQ(cache.find(keys[1])->error, "painted damage");
  EXPECT_FALSE(cache.find(keys[2])->is_damaged());
  EXPECT_EQ(cache.counters().damaged, 1);
}

TEST(TileCacheTest, GivesAChangedFileAnotherNumber) {
  const support::TemporaryFolder folder;
  const auto path = folder / "slide.bin";
  write_file(path, "old");
  TileCache cache(64 * kTileBytes, 1);
  const auto first = cache.add_source(std::make_shared<PaintedSlide>(4096, path.string()));
  const auto same = cache.add_source(std::make_shared<PaintedSlide>(4096, path.string()));
  write_file(path, "newer");
  const auto changed = cache.add_source(std::make_shared<PaintedSlide>(4096, path.string()));

  EXPECT_EQ(first, same);
  EXPECT_NE(first, changed);
}

TEST(TileCacheTest, TellsFilesOfTheSameSizeAndTimeApart) {
  const support::TemporaryFolder folder;
  const auto path = folder / "slide.bin";
  write_file(path, "old");
  const auto time = std::filesystem::last_write_time(path);
  TileCache cache(64 * kTileBytes, 1);
  const auto first = cache.add_source(std::make_shared<PaintedSlide>(4096, path.string()));
  write_file(path, "new");
  std::filesystem::last_write_time(path, time);
  EXPECT_NE(first, cache.add_source(std::make_shared<PaintedSlide>(4096, path.string())));
}

TEST(TileCacheTest, CountsTheWaitOfEveryViewerOfALoadOnce) {
  const auto slide = std::make_shared<PaintedSlide>(4096);
  TileCache cache(64 * kTileBytes, 1);
  const auto source = cache.add_source(slide);
  Arrivals arrivals;
  const auto left = cache.make_viewer(arrivals.callback());
  const auto right = cache.make_viewer([](const ViewTileKey&) {});
  const auto keys = row_of(source, 0, 2);
  slide->hold();
  left->want(keys);
  slide->wait_for_reads(1);
  right->want(keys);
  for (int i = 0; i < 3; ++i) left->want(keys);  // a viewer repeats itself with every frame
  const auto held_ms = 20.0;
  std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(held_ms));
  slide->release();
  ASSERT_TRUE(arrivals.wait_for(keys));

  const auto counters = cache.counters();
  EXPECT_EQ(counters.loads, 2);
  EXPECT_EQ(counters.waits, 4);
  EXPECT_GE(counters.wait_ms, 4 * held_ms);
}

TEST(TileCacheTest, DecodesEachTileOnceHoweverManyThreadsAsk) {
  const auto slide = std::make_shared<PaintedSlide>(1 << 14);
  TileCache cache(1000 * kTileBytes, 4);
  const auto source = cache.add_source(slide);
  const auto keys = row_of(source, 0, 40);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 6; ++t) {
      threads.emplace_back([&, t] {
        Arrivals arrivals;
        const auto viewer = cache.make_viewer(arrivals.callback());
        auto mine = keys;
        std::rotate(mine.begin(), mine.begin() + 7 * t, mine.end());
        for (int i = 0; i < 20; ++i) viewer->want(mine);
        while (!std::ranges::all_of(mine, [&](const auto& key) { return cache.find(key) != nullptr; }))
          std::this_thread::yield();
      });
    }
  }
  EXPECT_EQ(slide->reads().size(), keys.size());
  EXPECT_EQ(cache.counters().loads, 40);
}

TEST(TileCacheTest, ForgetsTheTilesOfARemovedSource) {
  TileCache cache(64 * kTileBytes, 1);
  const auto source = cache.add_source(std::make_shared<PaintedSlide>(4096));
  Arrivals arrivals;
  const auto viewer = cache.make_viewer(arrivals.callback());
  const auto keys = row_of(source, 0, 3);
  viewer->want(keys);
  ASSERT_TRUE(arrivals.wait_for(keys));

  cache.remove_source(source);

  EXPECT_EQ(cache.counters().bytes, 0);
  EXPECT_FALSE(cache.find(keys[0]));
}

TEST(TileCacheTest, CountsHitsAndMisses) {
  TileCache cache(64 * kTileBytes, 1);
  const auto source = cache.add_source(std::make_shared<PaintedSlide>(4096));
  Arrivals arrivals;
  const auto viewer = cache.make_viewer(arrivals.callback());
  const ViewTileKey key{source, 0, 0, 0};
  (void)cache.find(key);
  viewer->want(std::vector{key});
  ASSERT_TRUE(arrivals.wait_for({key}));
  (void)cache.find(key);
  (void)cache.find(key);

  EXPECT_EQ(cache.counters().misses, 1);
  EXPECT_EQ(cache.counters().hits, 2);
}

TEST(TileCacheTest, RefusesToHaveNoWorkers) {
  EXPECT_THAT([] { TileCache(1, 0); }, testing::Throws<Error>(support::HasCode(ErrorCode::invalid_argument)));
}

}  // namespace
}  // namespace imaging
