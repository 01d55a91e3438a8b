#include <atomic>
#include <chrono>
#include <thread>

#include "imaging/raster/png.h"
#include "imaging/slide/area_resample.h"
#include "imaging/slide/reader_table.h"
#include "imaging/tiling/tile_grid.h"
#include "imaging/tiling/tile_stream.h"
#include "tests/imaging/painted_slide.h"
#include "tests/support/test_support.h"

namespace imaging {
namespace {

using support::HasCode;
using testing::Throws;

const SlideScale kHalfMicron{0.5, 0.5, "override"};

TEST(TileGridTest, CoversTheSlideWithExactlyAsManyTilesAsNeeded) {
  const TileGridOptions options{.tile_mpp = 0.5, .tile_px = 256};
  const TileGrid exact({1024, 512}, kHalfMicron, options, nullptr);
  EXPECT_EQ(exact.columns(), 4);
  EXPECT_EQ(exact.rows(), 2);
  EXPECT_EQ(exact.tiles().size(), 8U);
  const TileGrid larger({1025, 513}, kHalfMicron, options, nullptr);
  EXPECT_EQ(larger.columns(), 5);
  EXPECT_EQ(larger.rows(), 3);
  EXPECT_EQ(TileGrid({100, 100}, kHalfMicron, options, nullptr).tiles().size(), 1U);
}

TEST(TileGridTest, ComputesFractionalPositionsWithoutDrift) {
  const SlideScale scale{0.2527, 0.2529, "openslide.mpp"};
  const TileGrid grid({3000000, 2000}, scale, {.tile_mpp = 0.5, .tile_px = 224}, nullptr);
  const auto last = grid.columns() - 1;
  const auto rect = grid.rect_l0({last, 1});
  EXPECT_DOUBLE_EQ(rect.x, static_cast<double>(last) * 224 * 0.5 / 0.2527);
  EXPECT_DOUBLE_EQ(rect.y, 224 * 0.5 / 0.2529);
  EXPECT_LT(rect.x, 3000000);
  EXPECT_GE(rect.right(), 3000000);
}

TEST(TileGridTest, OverlapsByTheStatedPixels) {
  const TileGrid grid({1000, 256}, kHalfMicron, {.tile_mpp = 0.5, .tile_px = 256, .overlap_px = 64}, nullptr);
  EXPECT_EQ(grid.columns(), 5);
  EXPECT_EQ(grid.rect_l0({3, 0}).x, 576);
  EXPECT_THAT(
      [] {
        TileGrid({9, 9}, kHalfMicron, {.tile_px = 64, .overlap_px = 64}, nullptr);
      },
      Throws<Error>(HasCode(ErrorCode::invalid_argument)));
  EXPECT_THAT(
      [] {
        TileGrid({1LL << 33, 1LL << 33}, kHalfMicron, {.tile_px = 8}, nullptr);
      },
      Throws<Error>(HasCode(ErrorCode::invalid_argument)));
}

TEST(TileGridTest, KeepsTilesWithEnoughTissueInRowOrder) {
  Image8 mask(4, 2, 1);
  *mask.pixel(1, 0) = 255;
  *mask.pixel(0, 1) = 255;
  *mask.pixel(3, 1) = 255;
  const TissueMask tissue(std::move(mask), {400, 200}, {}, 0);
  const TileGrid grid({400, 200}, kHalfMicron, {.tile_mpp = 0.5, .tile_px = 100, .min_tissue = 0.5}, &tissue);
  EXPECT_EQ(grid.tiles(), (std::vector<TileIndex>{{1, 0}, {0, 1}, {3, 1}}));

  const TissueMask none(Image8(4, 2, 1), {400, 200}, {}, 0);
  EXPECT_THAT(
      [&] {
        TileGrid({400, 200}, kHalfMicron, {.tile_mpp = 0.5, .tile_px = 100}, &none);
      },
      Throws<Error>(HasCode(ErrorCode::no_tissue)));
}

TEST(TileStreamTest, GivesEveryTileToThePixelInGridOrder) {
  const support::TemporaryFolder folder;
  const auto truth = support::paint_positions(1000, 600);
  support::write_tiled_tiff(folder / "p.tiff", {truth});
  const auto reader = open_slide(folder / "p.tiff");
  const TileGrid grid({1000, 600}, kHalfMicron, {.tile_mpp = 0.5, .tile_px = 96}, nullptr);

  for (const int workers : {1, 3}) {
    TileStream stream(*reader, grid, {.workers = workers, .queue_tiles = 4}, {});
    std::int64_t number = 0;
    while (const auto tile = stream.next()) {
      ASSERT_EQ(tile->number, number);
      const auto index = grid.tiles()[static_cast<std::size_t>(number++)];
      for (const std::int64_t at : {0, 50, 95}) {
        const auto x = index.column * 96 + at;
        const auto y = index.row * 96 + at;
        const bool is_inside = x < 1000 && y < 600;
        for (int c = 0; c < 3; ++c) {
          ASSERT_EQ(tile->pixels.pixel(at, at)[c], is_inside ? truth.pixel(x, y)[c] : 255) << x << ", " << y;
        }
      }
    }
    EXPECT_EQ(number, static_cast<std::int64_t>(grid.tiles().size()));
    EXPECT_TRUE(stream.corrupt_tiles().empty());
    EXPECT_EQ(stream.next(), std::nullopt);
  }
}

/// Reads as a blank slide, but fails in chosen columns, and counts.
class StubbornReader final : public SlideReader {
 public:
  StubbornReader() { info_.levels = {{6400, 64, 1}}; }
  const SlideInfo& info() const override { return info_; }
  Image8 read_region(std::int64_t x_l0, std::int64_t, int, SizeI size) const override {
    ++reads;
    if (delay.count() > 0) std::this_thread::sleep_for(delay);
    if (x_l0 / 64 % 10 == 3) throw Error(failure, "painted damage");
    return Image8(size.width, size.height, 3, static_cast<std::uint8_t>(x_l0 / 64));
  }
  Image8 read_associated(const std::string&) const override { return {}; }

  ErrorCode failure = ErrorCode::corrupt_data;
  std::chrono::milliseconds delay{0};
  mutable std::atomic<int> reads{0};

 private:
  SlideInfo info_;
};

TileGrid hundred_tiles() {
  return TileGrid({6400, 64}, kHalfMicron, {.tile_mpp = 0.5, .tile_px = 64}, nullptr);
}

TEST(TileStreamTest, LeavesDamagedTilesOutAndWritesThemInTheLedger) {
  const StubbornReader reader;
  const auto grid = hundred_tiles();
  TileStream stream(reader, grid, {.workers = 3, .queue_tiles = 8}, {});
  int good = 0;
  while (const auto tile = stream.next()) {
    EXPECT_EQ(*tile->pixels.data(), tile->number);
    ++good;
  }
  EXPECT_EQ(good, 90);
  EXPECT_EQ(reader.reads, 100);  // each once
  ASSERT_EQ(stream.corrupt_tiles().size(), 10U);
  for (std::int64_t i = 0; i < 10; ++i) {
    const auto& corrupt = stream.corrupt_tiles()[static_cast<std::size_t>(i)];
    EXPECT_EQ(corrupt.number, 10 * i + 3);
    EXPECT_EQ(corrupt.index.column, 10 * i + 3);
    EXPECT_EQ(corrupt.reason, "painted damage");
  }
}

TEST(TileStreamTest, GivesUpAsSoonAsTooManyTilesAreSureToBeCorrupt) {
  const auto grid = hundred_tiles();
  for (const int workers : {1, 3}) {
    const StubbornReader reader;  // of the first 24 tiles the third is corrupt
    TileStream stream(reader, grid, {.workers = workers, .queue_tiles = 4, .max_corrupt = 0.02}, {});
    int good = 0;
    EXPECT_THAT(
        [&] {
          while (stream.next()) ++good;
        },
        testing::ThrowsMessage<Error>(
            testing::HasSubstr("3 of the first 24 of 100 tissue tiles are corrupt")));
    EXPECT_EQ(good, 21);
    EXPECT_LE(reader.reads, 24 + 4);
  }
}

TEST(TileStreamTest, TakesAsManyCorruptTilesAsAreAllowed) {
  const StubbornReader reader;
  const auto grid = hundred_tiles();
  TileStream stream(reader, grid, {.max_corrupt = 0.1}, {});
  int good = 0;
  while (stream.next()) ++good;
  EXPECT_EQ(good, 90);
}

TEST(TileStreamTest, PassesOtherFailuresOn) {
  StubbornReader reader;
  reader.failure = ErrorCode::io_error;
  const auto grid = hundred_tiles();
  TileStream stream(reader, grid, {}, {});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(stream.next()->number, i);
  EXPECT_THAT([&] { (void)stream.next(); }, Throws<Error>(HasCode(ErrorCode::io_error)));
}

TEST(TileStreamTest, DecodesNoFurtherAheadThanTheQueueHolds) {
  const StubbornReader reader;
  const auto grid = hundred_tiles();
  TileStream stream(reader, grid, {.workers = 2, .queue_tiles = 5}, {});
  EXPECT_EQ(stream.next()->number, 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_LE(reader.reads, 6);
}

TEST(TileStreamTest, StopsOnRequestAndOnDestruction) {
  StubbornReader reader;
  reader.delay = std::chrono::milliseconds(5);
  const auto grid = hundred_tiles();
  std::stop_source stop;
  {
    TileStream stream(reader, grid, {.workers = 2, .queue_tiles = 90}, stop.get_token());
    EXPECT_TRUE(stream.next().has_value());
    stop.request_stop();
    EXPECT_THROW((void)stream.next(), Cancelled);
  }
  EXPECT_LT(reader.reads, 50);
  reader.reads = 0;
  { TileStream dropped(reader, grid, {.workers = 2, .queue_tiles = 90}, {}); }
  EXPECT_LE(reader.reads, 4);
}

TEST(TileStreamTest, WakesAWaitingConsumerOnAStop) {
  StubbornReader reader;
  reader.delay = std::chrono::milliseconds(300);
  const auto grid = hundred_tiles();
  std::stop_source stop;
  TileStream stream(reader, grid, {.workers = 1, .queue_tiles = 2}, stop.get_token());
  const std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_THROW((void)stream.next(), Cancelled);
}

}  // namespace
}  // namespace imaging
