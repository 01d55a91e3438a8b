#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "imaging/base/image.h"
#include "imaging/base/job.h"
#include "imaging/base/options.h"
#include "imaging/base/random.h"
#include "models/encoders/resnet_arguments.h"
#include "models/runtime/safetensors.h"

namespace models {

struct TileTrainingOptions {
  std::string architecture = "resnet18";
  std::int64_t width = 24;
  std::int64_t blocks = 1;  ///< residual blocks a stage
  std::int64_t epochs = 12;
  std::int64_t batch = 64;
  double learning_rate = 2e-3;  ///< at the peak; warm-up over a tenth of the steps, then a cosine to zero
  double weight_decay = 0.05;   ///< on convolution and classifier weights only
  double blur = 0.5;            ///< share of tiles that are blurred a little
  double noise = 0.02;          ///< largest deviation of added noise, of the range 0 to 1
  bool balance_classes = true;  ///< weighs each class by the inverse of its frequency
  std::int64_t seed = 0;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, TileTrainingOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("architecture", options.architecture,
        FieldInfo{.help = "Kind of residual block", .choices = {"resnet18", "resnet50"}});
  field("width", options.width, FieldInfo{.help = "Channels of the first stage", .min = 4, .max = 1024});
  field("blocks", options.blocks, FieldInfo{.help = "Residual blocks a stage", .min = 1, .max = 16});
  field("epochs", options.epochs, FieldInfo{.help = "Passes over the tiles", .min = 1, .max = 10000});
  field("batch", options.batch, FieldInfo{.unit = "tiles", .help = "Tiles a step", .min = 2, .max = 4096});
  field("learning_rate", options.learning_rate,
        FieldInfo{.help = "Peak learning rate", .min = 1e-7, .max = 1});
  field("weight_decay", options.weight_decay,
        FieldInfo{.help = "AdamW's decoupled decay", .min = 0, .max = 1});
  field("blur", options.blur, FieldInfo{.help = "Share of tiles that are blurred", .min = 0, .max = 1});
  field("noise", options.noise, FieldInfo{.help = "Largest deviation of added noise", .min = 0, .max = 0.5});
  field("balance_classes", options.balance_classes, FieldInfo{.help = "Weigh rare classes up"});
  field("seed", options.seed, FieldInfo{.help = "Seed of weights, order and augmentation", .min = 0});
}

struct TileEpoch {
  double train_loss = 0;
  double accuracy = 0;           ///< on the validation tiles; 0 where there are none
  double balanced_accuracy = 0;  ///< mean over classes of the share found
};

/// A trained backbone. The tensors' type is complete only with a torch header.
struct TrainedEncoder {
  ResNetArguments arguments;
  TensorMap state;  ///< of the best epoch by balanced accuracy, or the last without validation tiles
  std::vector<TileEpoch> epochs;
  std::size_t best_epoch = 0;
};

/// Changes a tile's colours at random, in place, as if another laboratory had stained it.
using StainChange = std::function<void(imaging::Image8& tile, imaging::Random& random)>;

/// Trains a ResNet with a linear classifier on labelled tiles and gives back the network without the
/// classifier, for tiles normalised with ImageNet's mean and deviation (`pack_encoder`'s default).
///
/// Each tile is turned and mirrored, its stain is changed, so that the network cannot lean on it; then blur
/// and noise.
///
/// @param tiles, labels  RGB8 of one size, at least 32 px; labels from 0 without gaps, at least two classes
/// @param val_tiles      may be empty
/// @param change_stain   may be empty; called once a tile and epoch, in the order of the tiles
/// @return  the same bits for the same input, options and number of threads
/// @throws Error  `invalid_argument` on counts, labels or sizes that do not fit; Cancelled
/// @par Memory   A batch at a time beyond the tiles themselves.
[[nodiscard]] TrainedEncoder train_tile_classifier(
    std::span<const imaging::Image8> tiles, std::span<const int> labels,
    std::span<const imaging::Image8> val_tiles, std::span<const int> val_labels,
    const TileTrainingOptions& options, const StainChange& change_stain, const imaging::JobContext& job);

}  // namespace models
