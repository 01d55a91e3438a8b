#include "models/encoders/tile_classifier_trainer.h"

#include <torch/torch.h>

#include "imaging/base/random.h"
#include "models/encoders/resnet_module.h"
#include "models/runtime/device.h"
#include "tests/support/test_support.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using imaging::Image8;

struct Tiles {
  std::vector<Image8> images;
  std::vector<int> labels;
};

/// Pink tiles; those of class 1 hold dark dots, whatever the pink.
Tiles paint_tiles(std::size_t count, std::uint64_t seed) {
  imaging::Random random(seed);
  Tiles tiles;
  for (std::size_t i = 0; i < count; ++i) {
    const int label = static_cast<int>(i % 2);
    const auto level = static_cast<std::uint8_t>(random.uniform(150, 230));
    Image8 image(32, 32, 3);
    for (std::int64_t y = 0; y < 32; ++y) {
      for (std::int64_t x = 0; x < 32; ++x) {
        const bool is_dot = label == 1 && x % 8 < 3 && y % 8 < 3;
        auto* pixel = image.pixel(x, y);
        pixel[0] = static_cast<std::uint8_t>((is_dot ? level / 2 : level) + random.index(20));
        pixel[1] = static_cast<std::uint8_t>((is_dot ? level / 3 : level - 60) + random.index(20));
        pixel[2] = static_cast<std::uint8_t>((is_dot ? level / 2 : level - 20) + random.index(20));
      }
    }
    tiles.images.push_back(std::move(image));
    tiles.labels.push_back(label);
  }
  return tiles;
}

TileTrainingOptions small_options() {
  TileTrainingOptions options;
  options.width = 8;
  options.epochs = 6;
  options.batch = 16;
  options.seed = 3;
  return options;
}

TEST(TileClassifierTrainerTest, LearnsWhatTellsTheClassesApart) {
  (void)set_compute_threads(2);
  const auto train = paint_tiles(96, 1);
  const auto val = paint_tiles(32, 2);
  std::vector<std::string> stages;
  const imaging::JobContext job({}, [&](const imaging::Progress& step) { stages.push_back(step.stage); });

  const auto trained =
      train_tile_classifier(train.images, train.labels, val.images, val.labels, small_options(), {}, job);

  ASSERT_EQ(trained.epochs.size(), 6U);
  EXPECT_GT(trained.epochs[trained.best_epoch].accuracy, 0.9);
  EXPECT_LT(trained.epochs.back().train_loss, trained.epochs.front().train_loss);
  ResNet network(trained.arguments);
  EXPECT_NO_THROW(network->load(trained.state));
  EXPECT_EQ(stages.front(), "epoch 1 of 6");
}

TEST(TileClassifierTrainerTest, GivesTheSameBitsForTheSameSeed) {
  (void)set_compute_threads(2);
  const auto train = paint_tiles(32, 1);
  auto options = small_options();
  options.epochs = 1;
  const auto first = train_tile_classifier(train.images, train.labels, {}, {}, options, {}, {});
  const auto second = train_tile_classifier(train.images, train.labels, {}, {}, options, {}, {});
  options.seed = 4;
  const auto other = train_tile_classifier(train.images, train.labels, {}, {}, options, {}, {});
  for (const auto& [name, tensor] : first.state) EXPECT_TRUE(tensor.equal(second.state.at(name))) << name;
  EXPECT_FALSE(first.state.at("conv1.weight").equal(other.state.at("conv1.weight")));
}

TEST(TileClassifierTrainerTest, StopsWhenAsked) {
  const auto train = paint_tiles(32, 1);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW((void)train_tile_classifier(train.images, train.labels, {}, {}, small_options(), {},
                                           imaging::JobContext(stop.get_token())),
               imaging::Cancelled);
}

TEST(TileClassifierTrainerTest, RefusesLabelsAndTilesThatDoNotFit) {
  const auto train = paint_tiles(8, 1);
  const auto refused = [&](const std::vector<Image8>& images, const std::vector<int>& labels) {
    EXPECT_THAT([&] { (void)train_tile_classifier(images, labels, {}, {}, small_options(), {}, {}); },
                testing::Throws<Error>(support::HasCode(ErrorCode::invalid_argument)));
  };
  refused(train.images, {0, 1});
  refused(train.images, {0, 0, 0, 0, 0, 0, 0, 0});
  refused(train.images, {0, 2, 0, 2, 0, 2, 0, 2});
  refused(train.images, {0, -1, 0, 1, 0, 1, 0, 1});
  refused(std::vector<Image8>(8, Image8(16, 16, 3)), train.labels);
  refused({}, {});
}

}  // namespace
}  // namespace models
