#include "mil/explain/out_of_distribution.h"

#include <cmath>

#include "imaging/base/files.h"
#include "imaging/base/random.h"
#include "mil/aggregators/bag_classifier.h"
#include "mil/explain/deletion.h"
#include "tests/support/test_support.h"

namespace mil {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using support::HasCode;
using testing::Throws;

constexpr std::int64_t kDim = 48;

/// Bags of positive features (as after a ReLU) around a common profile, with a few factors that vary from
/// slide to slide and noise from tile to tile.
class FeatureWorld {
 public:
  Bag draw(imaging::Random& random, std::int64_t tiles = 60) const {
    double factors[3];
    for (auto& factor : factors) factor = random.normal();
    Bag bag;
    bag.id = "bag";
    bag.count = tiles;
    bag.dim = kDim;
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
      for (std::int64_t d = 0; d < kDim; ++d) {
        double value = 1 + 0.5 * std::sin(1.7 * static_cast<double>(d * d));
        for (int f = 0; f < 3; ++f) value += 0.15 * factors[f] * std::cos(static_cast<double>((f + 1) * d));
        value += 0.4 * random.normal();
        bag.features.push_back(static_cast<float>(std::max(0.0, value)));
      }
    }
    return bag;
  }

  std::vector<double> means(std::int64_t bags, imaging::Random& random) const {
    std::vector<double> all;
    for (std::int64_t i = 0; i < bags; ++i) {
      const auto mean = mean_features(draw(random));
      all.insert(all.end(), mean.begin(), mean.end());
    }
    return all;
  }
};

/// Share of new bags that the cloud calls out of distribution after `change`.
double share_out(const FeatureCloud& cloud, imaging::Random& random,
                 const std::function<void(Bag&)>& change = {}) {
  constexpr int kBags = 100;
  int out = 0;
  for (int i = 0; i < kBags; ++i) {
    auto bag = FeatureWorld().draw(random);
    if (change) change(bag);
    out += cloud.score(bag).is_out() ? 1 : 0;
  }
  return out / static_cast<double>(kBags);
}

class FeatureCloudTest : public testing::TestWithParam<std::int64_t> {};

TEST_P(FeatureCloudTest, LetsLikeBagsPassAndFindsAnotherEncoderAndAnotherStain) {
  imaging::Random random(3);
  const auto cloud = FeatureCloud::fit(FeatureWorld().means(GetParam(), random), kDim);
  ASSERT_TRUE(cloud);

  EXPECT_LE(share_out(*cloud, random), 0.08);
  const auto scale = [](Bag& bag) {
    for (auto& value : bag.features) value *= 4;
  };
  EXPECT_DOUBLE_EQ(share_out(*cloud, random, scale), 1) << "an encoder of another scale";
  if (GetParam() < 10) return;  // five bags hardly know their spread, so smaller shifts pass
  const auto reorder = [](Bag& bag) {
    for (std::int64_t row = 0; row < bag.count; ++row)
      std::reverse(bag.features.begin() + row * kDim, bag.features.begin() + (row + 1) * kDim);
  };
  EXPECT_DOUBLE_EQ(share_out(*cloud, random, reorder), 1) << "another encoder";
  const auto stain = [](Bag& bag) {
    for (std::size_t i = 0; i < bag.features.size(); ++i)
      if (i % 4 == 0) bag.features[i] += 0.4F;
  };
  EXPECT_GE(share_out(*cloud, random, stain), 0.95) << "a stain that moves a quarter of the features";
}

INSTANTIATE_TEST_SUITE_P(FewAndMany, FeatureCloudTest, testing::Values(5, 12, 40, 300));

TEST(FeatureCloudTest, StoredCloudScoresAsBefore) {
  const support::TemporaryFolder folder;
  imaging::Random random(5);
  const auto cloud = FeatureCloud::fit(FeatureWorld().means(30, random), kDim).value();
  const auto bag = FeatureWorld().draw(random);

  cloud.write(folder / kFeatureCloudFile);
  const auto again = FeatureCloud::read(folder / kFeatureCloudFile, kDim);

  EXPECT_EQ(again.score(bag).score, cloud.score(bag).score);
  EXPECT_EQ(again.score(bag).threshold, cloud.score(bag).threshold);
  EXPECT_EQ(again.score(bag).percentile, cloud.score(bag).percentile);
  EXPECT_THAT([&] { (void)FeatureCloud::read(folder / kFeatureCloudFile, kDim + 1); },
              Throws<Error>(HasCode(ErrorCode::corrupt_data)));
}

TEST(FeatureCloudTest, PercentilesFollowTheScores) {
  imaging::Random random(6);
  const auto cloud = FeatureCloud::fit(FeatureWorld().means(200, random), kDim).value();
  double sum = 0;
  for (int i = 0; i < 100; ++i) sum += cloud.score(FeatureWorld().draw(random)).percentile;
  EXPECT_NEAR(sum / 100, 50, 12);
  auto far = FeatureWorld().draw(random);
  for (auto& value : far.features) value += 10;
  EXPECT_DOUBLE_EQ(cloud.score(far).percentile, 100);
  EXPECT_GT(cloud.score(far).score, 5);
}

TEST(FeatureCloudTest, IsAbsentForFewOrEqualBagsAndRefusesOtherWidths) {
  imaging::Random random(7);
  EXPECT_FALSE(FeatureCloud::fit(FeatureWorld().means(4, random), kDim));
  EXPECT_FALSE(FeatureCloud::fit(std::vector<double>(kDim * 8, 0.5), kDim));
  const auto cloud = FeatureCloud::fit(FeatureWorld().means(9, random), kDim).value();
  Bag other{.id = "other", .count = 1, .dim = 2, .features = {1, 2}, .coords = {}};
  EXPECT_THAT([&] { (void)cloud.score(other); }, Throws<Error>(HasCode(ErrorCode::incompatible)));
  EXPECT_THAT(
      [&] { (void)cloud.score(Bag{.id = "empty", .count = 0, .dim = kDim, .features = {}, .coords = {}}); },
      Throws<Error>(HasCode(ErrorCode::insufficient_data)));
}

TEST(FeatureCloudTest, StandsDimensionsThatNeverMoved) {
  imaging::Random random(8);
  auto means = FeatureWorld().means(20, random);
  for (std::size_t i = 0; i < means.size(); i += kDim) means[i] = 0;
  const auto cloud = FeatureCloud::fit(means, kDim).value();
  auto bag = FeatureWorld().draw(random);
  for (std::size_t i = 0; i < bag.features.size(); i += kDim) bag.features[i] = 1e-9F;
  EXPECT_FALSE(cloud.score(bag).is_out());
  for (std::size_t i = 0; i < bag.features.size(); i += kDim) bag.features[i] = 1;
  EXPECT_TRUE(cloud.score(bag).is_out());
}

TEST(FeatureCloudTest, StandsBagsThatAreCopiesButForOne) {
  std::vector<double> rows(kDim * 5, 0.5);
  for (std::int64_t k = 0; k < kDim; ++k) rows[static_cast<std::size_t>(k)] = static_cast<double>(k);
  const auto cloud = FeatureCloud::fit(rows, kDim).value();
  const support::TemporaryFolder folder;
  cloud.write(folder / "cloud.safetensors");
  const auto back = FeatureCloud::read(folder / "cloud.safetensors", kDim);
  const Bag copy{.id = "copy", .count = 1, .dim = kDim, .features = FeatureVector(kDim, 0.5F), .coords = {}};
  EXPECT_FALSE(back.score(copy).is_out());
}

/// Class 1 is as likely as the share of tiles whose first feature is 1.
class CountingClassifier : public BagClassifier {
 public:
  [[nodiscard]] std::int64_t dim() const override { return 1; }
  [[nodiscard]] std::string encoder_sha256() const override { return ""; }
  [[nodiscard]] SlidePrediction predict(const Bag& bag) override {
    double sum = 0;
    for (const float value : bag.features) sum += static_cast<double>(value);
    const double p = sum / static_cast<double>(bag.count);
    SlidePrediction prediction;
    prediction.probabilities = {1 - p, p};
    return prediction;
  }
};

TEST(DeletionTest, TellsScoresThatNameTheTilesFromThoseThatDoNot) {
  CountingClassifier classifier;
  Bag bag;
  bag.id = "bag";
  bag.count = 40;
  bag.dim = 1;
  std::vector<double> good, bad;
  for (int i = 0; i < 40; ++i) {
    bag.features.push_back(i % 4 == 0 ? 1.0F : 0.0F);
    good.push_back(i % 4 == 0 ? 1 : 0);
    bad.push_back(i % 4 == 0 ? 0 : 1);
  }

  const auto named = measure_deletion(classifier, bag, good, 1);
  const auto missed = measure_deletion(classifier, bag, bad, 1);

  EXPECT_DOUBLE_EQ(named.deletion.front(), 0.25);
  EXPECT_DOUBLE_EQ(named.insertion.back(), 0.25);
  EXPECT_DOUBLE_EQ(named.insertion.front(), 1) << "one tile, the highest";
  EXPECT_DOUBLE_EQ(named.deletion.back(), 0);
  EXPECT_LT(named.deletion_area, named.random_deletion_area);
  EXPECT_GT(named.insertion_area, named.random_insertion_area);
  EXPECT_GT(missed.deletion_area, missed.random_deletion_area);
  EXPECT_LT(missed.insertion_area, missed.random_insertion_area);
  EXPECT_NEAR(named.random_deletion_area, 0.25, 0.1);
  EXPECT_EQ(named.shares.size(), 21U);
}

TEST(DeletionTest, WorksOnOneTileAndRefusesWhatDoesNotFit) {
  CountingClassifier classifier;
  Bag bag{.id = "one", .count = 1, .dim = 1, .features = {1}, .coords = {}};
  const std::vector<double> scores = {0.3};
  EXPECT_DOUBLE_EQ(measure_deletion(classifier, bag, scores, 1).deletion_area, 1);
  EXPECT_THAT([&] { (void)measure_deletion(classifier, bag, scores, 2); },
              Throws<Error>(HasCode(ErrorCode::invalid_argument)));
  EXPECT_THAT([&] { (void)measure_deletion(classifier, bag, std::vector<double>(2), 1); },
              Throws<Error>(HasCode(ErrorCode::invalid_argument)));
}

}  // namespace
}  // namespace mil
