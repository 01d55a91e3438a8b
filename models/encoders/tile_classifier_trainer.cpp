#include "models/encoders/tile_classifier_trainer.h"

#include <fmt/format.h>
#include <torch/nn.h>
#include <torch/optim.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "imaging/base/error.h"
#include "imaging/base/random.h"
#include "models/encoders/resnet_module.h"
#include "models/runtime/tensor_bridge.h"

namespace models {
namespace {

namespace nn = torch::nn;
using imaging::Error;
using imaging::ErrorCode;
using imaging::Image8;
using imaging::Random;

torch::Tensor normalise(const torch::Tensor& x) {
  static const auto mean = torch::tensor({0.485F, 0.456F, 0.406F}).view({1, 3, 1, 1});
  static const auto std = torch::tensor({0.229F, 0.224F, 0.225F}).view({1, 3, 1, 1});
  return (x - mean).div_(std);
}

/// Random views of a batch, drawn from one generator in the order of the tiles.
class TileAugmenter {
 public:
  TileAugmenter(const TileTrainingOptions& options, Random& random) : options_(options), random_(random) {}

  /// @param tiles  [B, 3, H, W] uint8
  /// @return       [B, 3, H, W] float32 in 0..1
  torch::Tensor operator()(const torch::Tensor& tiles) {
    auto x = blur(turn(tiles).to(torch::kFloat32) / 255);
    if (options_.noise > 0) {
      x += torch::randn_like(x) * draw(tiles.size(0), [&] { return random_.uniform(0, options_.noise); });
    }
    return x.clamp_(0, 1);
  }

 private:
  template <typename Draw>
  torch::Tensor draw(std::int64_t count, Draw&& one) {
    std::vector<float> values(static_cast<std::size_t>(count));
    for (auto& value : values) value = static_cast<float>(one());
    return torch::tensor(values).view({count, 1, 1, 1});
  }

  /// One of the eight turns and mirrorings of a square each.
  torch::Tensor turn(const torch::Tensor& tiles) {
    const bool is_square = tiles.size(2) == tiles.size(3);
    std::vector<torch::Tensor> turned;
    for (std::int64_t i = 0; i < tiles.size(0); ++i) {
      auto tile = torch::rot90(tiles[i], is_square ? random_.index(4) : 2 * random_.index(2), {1, 2});
      if (random_.chance(0.5)) tile = tile.flip({2});
      turned.push_back(tile);
    }
    return torch::stack(turned);
  }

  torch::Tensor blur(const torch::Tensor& x) {
    if (options_.blur == 0) return x;
    const auto share =
        draw(x.size(0), [&] { return random_.chance(options_.blur) ? random_.uniform() : 0.0; });
    const auto smooth = torch::avg_pool2d(x, {3, 3}, {1, 1}, {1, 1}, false, /*count_include_pad=*/false);
    return x + (smooth - x) * share;
  }

  const TileTrainingOptions& options_;
  Random& random_;
};

struct LabelledTiles {
  std::span<const Image8> tiles;
  std::span<const int> labels;

  /// @param change  applied to each tile in turn
  template <typename Change>
  [[nodiscard]] torch::Tensor images(std::span<const std::size_t> which, const Change& change) const {
    std::vector<Image8> chosen;
    for (const auto index : which) {
      chosen.push_back(tiles[index]);
      change(chosen.back());
    }
    return tensor_from_images(chosen);
  }
  [[nodiscard]] torch::Tensor targets(std::span<const std::size_t> which) const {
    std::vector<std::int64_t> chosen;
    for (const auto index : which) chosen.push_back(labels[index]);
    return torch::tensor(chosen);
  }
};

void check_tiles(const LabelledTiles& data, int classes, const char* what) {
  if (data.tiles.size() != data.labels.size()) {
    throw Error(ErrorCode::invalid_argument, fmt::format("There are {} {} tiles and {} labels.",
                                                         data.tiles.size(), what, data.labels.size()));
  }
  for (const auto& tile : data.tiles) {
    if (tile.channels() != 3 || tile.width() < 32 || tile.height() < 32) {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("A {} tile is {} x {} x {}; it must be RGB and at least 32 px.", what,
                              tile.width(), tile.height(), tile.channels()));
    }
  }
  for (const int label : data.labels) {
    if (label < 0 || label >= classes) {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("A {} label is {}, outside 0 to {}.", what, label, classes - 1));
    }
  }
}

std::vector<std::int64_t> count_classes(std::span<const int> labels, int classes) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(classes));
  for (const int label : labels) ++counts[static_cast<std::size_t>(label)];
  return counts;
}

class Trainer {
 public:
  Trainer(LabelledTiles train, LabelledTiles val, int classes, const TileTrainingOptions& options,
          const StainChange& change_stain, const imaging::JobContext& job)
      : train_(train),
        val_(val),
        classes_(classes),
        options_(options),
        change_stain_(change_stain),
        job_(job),
        random_(static_cast<std::uint64_t>(options.seed), /*stream=*/1),
        augment_(options, random_) {
    torch::manual_seed(static_cast<std::uint64_t>(options.seed));
    arguments_ = resnet_arguments_from_json(
        options.architecture,
        {{"width", options.width}, {"layers", std::vector<std::int64_t>(4, options.blocks)}});
    network_ = ResNet(arguments_);
    head_ = nn::Linear(arguments_.dim(), classes);
    if (options.balance_classes) {
      std::vector<float> weights;
      for (const auto count : count_classes(train.labels, classes)) {
        weights.push_back(static_cast<float>(train.labels.size()) / static_cast<float>(classes * count));
      }
      class_weights_ = torch::tensor(weights);
    }
  }

  TrainedEncoder run() {
    TrainedEncoder result{arguments_, {}, {}, 0};
    auto optimizer = make_optimizer();
    for (std::int64_t epoch = 0; epoch < options_.epochs; ++epoch) {
      TileEpoch summary;
      summary.train_loss = train_epoch(optimizer, epoch);
      if (!val_.tiles.empty()) validate(summary);
      result.epochs.push_back(summary);
      const bool is_best = val_.tiles.empty() ||
                           summary.balanced_accuracy > result.epochs[result.best_epoch].balanced_accuracy ||
                           epoch == 0;
      if (is_best) {
        result.best_epoch = static_cast<std::size_t>(epoch);
        result.state = network_->state();
      }
    }
    return result;
  }

 private:
  [[nodiscard]] std::int64_t steps_per_epoch() const {
    return std::max<std::int64_t>(1, static_cast<std::int64_t>(train_.tiles.size()) / options_.batch);
  }

  torch::optim::AdamW make_optimizer() {
    std::vector<torch::Tensor> decayed;
    std::vector<torch::Tensor> free;
    for (const auto& parameter : network_->parameters())
      (parameter.dim() > 1 ? decayed : free).push_back(parameter);
    decayed.push_back(head_->weight);
    free.push_back(head_->bias);
    const auto group = [&](const std::vector<torch::Tensor>& parameters, double decay) {
      auto adam = std::make_unique<torch::optim::AdamWOptions>(options_.learning_rate);
      adam->weight_decay(decay);
      return torch::optim::OptimizerParamGroup(parameters, std::move(adam));
    };
    return torch::optim::AdamW({group(decayed, options_.weight_decay), group(free, 0)});
  }

  void set_learning_rate(torch::optim::AdamW& optimizer, std::int64_t step) const {
    const auto total = static_cast<double>(steps_per_epoch() * options_.epochs);
    const auto warm_up = std::max(1.0, 0.1 * total);
    const auto at = static_cast<double>(step) + 1;
    const auto factor =
        at <= warm_up
            ? at / warm_up
            : 0.5 * (1 + std::cos(std::numbers::pi * (at - warm_up) / std::max(1.0, total - warm_up)));
    for (auto& group : optimizer.param_groups()) group.options().set_lr(options_.learning_rate * factor);
  }

  double train_epoch(torch::optim::AdamW& optimizer, std::int64_t epoch) {
    network_->train();
    std::vector<std::size_t> order(train_.tiles.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    random_.shuffle(std::span(order));
    const auto stage = fmt::format("epoch {} of {}", epoch + 1, options_.epochs);
    const auto steps = steps_per_epoch();
    const auto batch = std::min(static_cast<std::size_t>(options_.batch), order.size());
    double loss_sum = 0;
    for (std::int64_t step = 0; step < steps; ++step) {
      job_.checkpoint(stage, step, steps);
      set_learning_rate(optimizer, epoch * steps + step);
      const auto which = std::span(order).subspan(static_cast<std::size_t>(step) * batch, batch);
      const auto logits =
          head_->forward(network_->forward(normalise(augment_(train_.images(which, [&](Image8& tile) {
            if (change_stain_) change_stain_(tile, random_);
          })))));
      const auto loss = torch::cross_entropy_loss(logits, train_.targets(which), class_weights_);
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
      loss_sum += loss.item<double>();
    }
    job_.checkpoint(stage, steps, steps);
    return loss_sum / static_cast<double>(steps);
  }

  void validate(TileEpoch& summary) {
    const torch::NoGradGuard no_grad;
    network_->eval();
    std::vector<std::size_t> order(val_.tiles.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto counts = count_classes(val_.labels, classes_);
    std::vector<std::int64_t> found(counts.size());
    for (std::size_t begin = 0; begin < order.size(); begin += static_cast<std::size_t>(options_.batch)) {
      job_.checkpoint("validation", static_cast<std::int64_t>(begin),
                      static_cast<std::int64_t>(order.size()));
      const auto which = std::span(order).subspan(
          begin, std::min(static_cast<std::size_t>(options_.batch), order.size() - begin));
      const auto x = normalise(val_.images(which, [](Image8&) {}).to(torch::kFloat32) / 255);
      const auto predicted = head_->forward(network_->forward(x)).argmax(1);
      for (std::size_t i = 0; i < which.size(); ++i) {
        const int label = val_.labels[which[i]];
        if (predicted[static_cast<std::int64_t>(i)].item<std::int64_t>() == label)
          ++found[static_cast<std::size_t>(label)];
      }
    }
    double recall_sum = 0;
    std::int64_t present = 0;
    for (std::size_t c = 0; c < counts.size(); ++c) {
      if (counts[c] == 0) continue;
      recall_sum += static_cast<double>(found[c]) / static_cast<double>(counts[c]);
      ++present;
    }
    summary.balanced_accuracy = recall_sum / static_cast<double>(present);
    summary.accuracy = static_cast<double>(std::accumulate(found.begin(), found.end(), std::int64_t{0})) /
                       static_cast<double>(val_.tiles.size());
  }

  LabelledTiles train_;
  LabelledTiles val_;
  int classes_;
  const TileTrainingOptions& options_;
  const StainChange& change_stain_;
  const imaging::JobContext& job_;
  Random random_;
  TileAugmenter augment_;
  ResNetArguments arguments_;
  ResNet network_{nullptr};
  nn::Linear head_{nullptr};
  torch::Tensor class_weights_;
};

}  // namespace

TrainedEncoder train_tile_classifier(std::span<const Image8> tiles, std::span<const int> labels,
                                     std::span<const Image8> val_tiles, std::span<const int> val_labels,
                                     const TileTrainingOptions& options, const StainChange& change_stain,
                                     const imaging::JobContext& job) {
  imaging::check_options(options);
  const int classes = labels.empty() ? 0 : *std::max_element(labels.begin(), labels.end()) + 1;
  const LabelledTiles train{tiles, labels};
  const LabelledTiles val{val_tiles, val_labels};
  check_tiles(train, classes, "training");
  check_tiles(val, classes, "validation");
  const auto counts = count_classes(labels, classes);
  if (classes < 2 || tiles.size() < 2 || std::find(counts.begin(), counts.end(), 0) != counts.end()) {
    throw Error(ErrorCode::invalid_argument,
                "Training needs labels from 0 without gaps and at least two classes.");
  }
  return Trainer(train, val, classes, options, change_stain, job).run();
}

}  // namespace models
