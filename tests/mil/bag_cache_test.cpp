#include "mil/training/bag_cache.h"

#include <chrono>
#include <numeric>
#include <thread>

#include "imaging/base/files.h"
#include "imaging/base/random.h"
#include "tests/support/test_support.h"

namespace mil {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using support::HasCode;
using testing::Throws;

constexpr std::int64_t kCount = 1000;
constexpr std::int64_t kDim = 16;
constexpr std::int64_t kBytes = kCount * kDim * 4;

class BagCacheTest : public testing::Test {
 protected:
  BagCacheTest() {
    for (const auto* id : {"a", "b", "c", "d", "e", "f"}) {
      Bag bag{.id = id, .count = kCount, .dim = kDim, .features = {}, .coords = {}};
      imaging::Random random(static_cast<std::uint64_t>(id[0]));
      for (std::int64_t i = 0; i < kCount * kDim; ++i) {
        bag.features.push_back(static_cast<float>(random.normal()));
      }
      files_[id] = {folder_ / (std::string(id) + ".h5")};
      write_bag(files_[id].front(), bag, {});
      bags_.emplace(id, std::move(bag));
    }
  }

  /// Waits until so many bytes are held: the reader has a thread of its own.
  static bool holds(const BagCache& cache, std::int64_t bytes) {
    for (int i = 0; i < 2000 && cache.held_bytes() != bytes; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return cache.held_bytes() == bytes;
  }

  support::TemporaryFolder folder_;
  BagFiles files_;
  std::map<std::string, Bag> bags_;
};

TEST_F(BagCacheTest, GivesEveryBagWhateverTheBudgetAndTheOrder) {
  const std::vector<std::string> order = {"c", "a", "f", "a", "b", "e", "d", "a", "c"};
  for (const std::int64_t bags : {0, 1, 2, 3, 4, 100}) {
    BagCache cache(files_, bags * kBytes);
    for (int epoch = 0; epoch < 3; ++epoch) {
      cache.expect(order);
      for (const auto& id : order) EXPECT_EQ(cache.get(id)->features, bags_.at(id).features) << id;
      for (const auto* id : {"f", "a"}) EXPECT_EQ(cache.get(id)->features, bags_.at(id).features) << id;
    }
  }
}

TEST_F(BagCacheTest, ReadsAheadAsFarAsTheBudgetGoes) {
  BagCache cache(files_, 3 * kBytes + kBytes / 2);
  const std::vector<std::string> order = {"a", "b", "c", "d", "e", "f"};
  cache.expect(order);
  EXPECT_TRUE(holds(cache, 3 * kBytes));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(cache.held_bytes(), 3 * kBytes);

  const auto first = cache.get("a");
  std::filesystem::remove(files_["b"].front());
  EXPECT_EQ(cache.get("b")->features, bags_.at("b").features) << "was read ahead";
}

TEST_F(BagCacheTest, KeptBagsAreNotReadAgainAndLeaveRoomForTwoMore) {
  BagCache cache(files_, 4 * kBytes);
  for (const auto* id : {"a", "b", "c"}) (void)cache.get(id);
  EXPECT_EQ(cache.held_bytes(), 2 * kBytes);
  for (const auto& [id, paths] : files_) std::filesystem::remove(paths.front());
  EXPECT_EQ(cache.get("a")->features, bags_.at("a").features);
  EXPECT_EQ(cache.get("b")->features, bags_.at("b").features);
  EXPECT_THAT([&] { (void)cache.get("c"); }, Throws<Error>(HasCode(ErrorCode::not_found)));
}

TEST_F(BagCacheTest, LargerBagsDriveKeptOnesOut) {
  Bag large = bags_.at("a");
  large.count = 2 * kCount;
  large.features.insert(large.features.end(), bags_.at("b").features.begin(), bags_.at("b").features.end());
  write_bag(files_["f"].front(), large, {});
  BagCache cache(files_, 5 * kBytes);
  for (const auto* id : {"a", "b", "c", "d"}) (void)cache.get(id);
  EXPECT_EQ(cache.held_bytes(), 3 * kBytes);
  EXPECT_EQ(cache.get("f")->features, large.features);
  EXPECT_EQ(cache.held_bytes(), kBytes);
}

TEST_F(BagCacheTest, ABagReadAheadThatFailsFailsWhereItIsAskedFor) {
  imaging::write_file(files_["b"].front(), "no HDF5");
  BagCache cache(files_, 100 * kBytes);
  const std::vector<std::string> order = {"b", "missing", "a"};
  cache.expect(order);
  EXPECT_TRUE(holds(cache, kBytes));
  EXPECT_EQ(cache.get("a")->features, bags_.at("a").features);
  EXPECT_THAT([&] { (void)cache.get("b"); }, Throws<Error>(HasCode(ErrorCode::corrupt_data)));
  EXPECT_THAT([&] { (void)cache.get("missing"); }, Throws<Error>(HasCode(ErrorCode::not_found)));
  write_bag(files_["b"].front(), bags_.at("b"), {});
  EXPECT_EQ(cache.get("b")->features, bags_.at("b").features) << "a failure is not kept";
}

TEST_F(BagCacheTest, BagsInUseOutliveTheCacheAndEndIsQuickWhileReading) {
  std::shared_ptr<const Bag> bag;
  for (int i = 0; i < 20; ++i) {
    BagCache cache(files_, 100 * kBytes);
    const std::vector<std::string> order = {"a", "b", "c", "d", "e", "f"};
    cache.expect(order);
    if (i % 2 == 0) bag = cache.get("d");
  }
  EXPECT_EQ(bag->features, bags_.at("d").features);
}

TEST_F(BagCacheTest, HalvesAreKeptAtHalfTheMemoryAndComeBackExactly) {
  const auto path = support::source_root() / "tests" / "golden" / "formats" / "slide_f16.h5";
  const BagFiles files = {{"half", {path}}};
  const auto wanted = read_bag(path);
  ASSERT_TRUE(wanted.is_half);
  BagCache cache(files, 100 * kBytes);
  const auto bytes = static_cast<std::int64_t>(wanted.features.size() * sizeof(float));
  (void)cache.get("half");
  EXPECT_EQ(cache.held_bytes(), bytes / 2);
  const auto again = cache.get("half");
  EXPECT_EQ(cache.held_bytes(), bytes / 2 + bytes);
  EXPECT_EQ(again->features, wanted.features);
  EXPECT_EQ(again->coords, wanted.coords);
}

TEST_F(BagCacheTest, SlidesOfAPatientMakeOneBag) {
  const BagFiles patients = {{"patient", {files_["b"].front(), files_["a"].front()}}};
  BagCache cache(patients, 100 * kBytes);
  const auto bag = cache.get("patient");
  EXPECT_EQ(bag->id, "patient");
  EXPECT_EQ(bag->count, 2 * kCount);
  EXPECT_EQ(bag->slide_counts, (std::vector<std::int64_t>{kCount, kCount}));
  auto joined = bags_.at("b").features;
  joined.insert(joined.end(), bags_.at("a").features.begin(), bags_.at("a").features.end());
  EXPECT_EQ(bag->features, joined);
}

}  // namespace
}  // namespace mil
