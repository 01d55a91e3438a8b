#include "models/segmentation/segmentation_trainer.h"

#include <fmt/format.h>
#include <torch/types.h>

#include <cmath>

#include "imaging/base/files.h"
#include "models/runtime/safetensors.h"
#include "models/segmentation/segmenter.h"
#include "tests/support/test_support.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using testing::HasSubstr;
using testing::ThrowsMessage;

SegmentationExample painted_disc(std::size_t i) {
  SegmentationExample example{.name = fmt::format("p{}", i),
                              .picture = imaging::ImageF(32, 32, 3, 60.F),
                              .labels = imaging::Image8(32, 32, 1)};
  const double cx = 8 + static_cast<double>(i * 7 % 16), cy = 8 + static_cast<double>(i * 5 % 16);
  for (std::int64_t y = 0; y < 32; ++y) {
    for (std::int64_t x = 0; x < 32; ++x) {
      const bool is_inside = std::hypot(static_cast<double>(x) - cx, static_cast<double>(y) - cy) < 6;
      *example.labels.pixel(x, y) = is_inside ? 1 : 0;
      for (int c = 0; c < 3; ++c)
        example.picture.pixel(x, y)[c] += static_cast<float>((is_inside ? 80 : 0) + (x * 31 + y * 17) % 13);
    }
  }
  return example;
}

SegmentationSet set_of(std::size_t first, std::size_t count) {
  return {.count = count, .read = [first](std::size_t i) { return painted_disc(first + i); }};
}

SegmenterFacts facts() {
  SegmenterFacts facts;
  facts.class_names = {"background", "disc"};
  return facts;
}

SegmentTrainOptions quick() {
  SegmentTrainOptions options;
  options.widths = "6,8";
  options.working_size = 0;
  options.epochs = 60;
  options.patience = 60;
  options.learning_rate = 1e-2;
  return options;
}

TEST(SegmentationTrainerTest, LearnsAPaintedDiscAndItsPackageFindsIt) {
  const support::TemporaryFolder folder;
  const auto result = train_segmenter(set_of(0, 8), set_of(20, 3), facts(), quick(), 1, "cpu", {});
  ASSERT_EQ(result.dice.size(), 2U);
  EXPECT_GT(result.dice[1].value_or(0), 0.9);
  EXPECT_NEAR(result.reference.shares[1], 113.0 / 1024, 0.04);
  write_segmenter_package(folder / "m", result, {.name = "disc"});
  auto segmenter = Segmenter::open(ModelPackage::open(folder / "m"), "cpu");
  const auto example = painted_disc(31);
  const auto found = segmenter.segment(example.picture).labels;
  double both = 0, sum = 0;
  for (std::int64_t i = 0; i < 32 * 32; ++i) {
    both += found.data()[i] == 1 && example.labels.data()[i] == 1;
    sum += (found.data()[i] == 1) + (example.labels.data()[i] == 1);
  }
  EXPECT_GT(2 * both / sum, 0.9);
}

TEST(SegmentationTrainerTest, FindsAClassOfOnePixelInAHundredWithinAHundredSteps) {
  const auto small_disc = [](std::size_t i) {
    SegmentationExample example{.name = fmt::format("p{}", i),
                                .picture = imaging::ImageF(64, 64, 3, 60.F),
                                .labels = imaging::Image8(64, 64, 1)};
    const double cx = 12 + static_cast<double>(i * 17 % 40), cy = 12 + static_cast<double>(i * 23 % 40);
    for (std::int64_t y = 0; y < 64; ++y) {
      for (std::int64_t x = 0; x < 64; ++x) {
        const bool is_inside = std::hypot(static_cast<double>(x) - cx, static_cast<double>(y) - cy) < 3.7;
        *example.labels.pixel(x, y) = is_inside ? 1 : 0;
        for (int c = 0; c < 3; ++c)
          example.picture.pixel(x, y)[c] += static_cast<float>((is_inside ? 60 : 0) + (x * 31 + y * 17) % 23);
      }
    }
    return example;
  };
  SegmentTrainOptions options;
  options.widths = "8,12,16";
  options.working_size = 0;
  options.epochs = 30;  // of three steps
  const auto result =
      train_segmenter({12, small_disc}, {4, [&](std::size_t i) { return small_disc(i + 30); }}, facts(),
                      options, 1, "cpu", {});
  EXPECT_GT(result.dice[1].value_or(0), 0.8);
}

TEST(SegmentationTrainerTest, StrongLightAndBlurStillShowTheDisc) {
  auto options = quick();
  options.colour = 0.3;
  options.gamma = 0.5;
  options.uneven = 0.3;
  options.blur = 1;
  const auto result = train_segmenter(set_of(0, 8), set_of(20, 3), facts(), options, 1, "cpu", {});
  EXPECT_GT(result.dice[1].value_or(0), 0.85);
  const auto again = train_segmenter(set_of(0, 8), set_of(20, 3), facts(), options, 1, "cpu", {});
  for (const auto& [name, tensor] : *result.weights)
    EXPECT_TRUE(torch::equal(tensor, again.weights->at(name))) << name;
}

TEST(SegmentationTrainerTest, AStoppedRunEndsWithTheSameWeights) {
  const support::TemporaryFolder folder;
  auto options = quick();
  options.epochs = 4;
  options.min_epochs = 4;
  const auto whole = train_segmenter(set_of(0, 5), set_of(20, 2), facts(), options, 3, "cpu", {});
  std::stop_source stop;
  const auto checkpoint = folder / "run" / "training.safetensors";
  EXPECT_THROW((void)train_segmenter(set_of(0, 5), set_of(20, 2), facts(), options, 3, "cpu",
                                     imaging::JobContext(stop.get_token()), checkpoint,
                                     [&](const SegmentationEpoch& epoch) {
                                       if (epoch.epoch == 2) stop.request_stop();
                                     }),
               imaging::Cancelled);
  const auto again = train_segmenter(set_of(0, 5), set_of(20, 2), facts(), options, 3, "cpu", {}, checkpoint);
  EXPECT_EQ(again.best_epoch, whole.best_epoch);
  for (const auto& [name, tensor] : *whole.weights)
    EXPECT_TRUE(torch::equal(tensor, again.weights->at(name))) << name;
  EXPECT_THAT(
      [&] { (void)train_segmenter(set_of(0, 5), set_of(20, 2), facts(), options, 4, "cpu", {}, checkpoint); },
      testing::Throws<Error>(support::HasCode(ErrorCode::incompatible)));
}

TEST(SegmentationTrainerTest, RefusesWhatCannotBeTrainedOn) {
  const auto train = [&](const SegmentationSet& set) {
    (void)train_segmenter(set, {}, facts(), quick(), 1, "cpu", {});
  };
  EXPECT_THAT([&] { train({}); }, testing::Throws<Error>(support::HasCode(ErrorCode::insufficient_data)));
  EXPECT_THAT(
      [&] {
        train({1, [](std::size_t i) {
                 auto example = painted_disc(i);
                 example.labels = imaging::Image8(32, 31, 1);
                 return example;
               }});
      },
      ThrowsMessage<Error>(HasSubstr("the mask is 32 x 31 px, the picture 32 x 32")));
  EXPECT_THAT(
      [&] {
        train({1, [](std::size_t i) {
                 auto example = painted_disc(i);
                 *example.labels.pixel(3, 3) = 2;
                 return example;
               }});
      },
      ThrowsMessage<Error>(HasSubstr("holds label 2")));
  EXPECT_THAT(
      [&] {
        train({1, [](std::size_t i) {
                 auto example = painted_disc(i);
                 example.labels = imaging::Image8(32, 32, 1);
                 return example;
               }});
      },
      ThrowsMessage<Error>(HasSubstr("are empty")));
}

}  // namespace
}  // namespace models
