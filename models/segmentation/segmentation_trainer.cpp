#include "models/segmentation/segmentation_trainer.h"

#include <fmt/format.h>
#include <torch/nn/functional/conv.h>
#include <torch/optim/adam.h>
#include <torch/types.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numbers>
#include <numeric>
#include <sstream>

#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/base/options_json.h"
#include "imaging/base/random.h"
#include "models/runtime/adam_state.h"
#include "models/runtime/device.h"
#include "models/runtime/model_package.h"
#include "models/runtime/package_folder.h"
#include "models/runtime/torch_errors.h"
#include "models/segmentation/network_input.h"
#include "models/segmentation/unet_module.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using imaging::Random;
using nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr const char* kSchema = "tessera.segmenter-checkpoint/1";
constexpr int kMostCheckpointShare = 10;  // a tenth of the time at most

UNetArguments arguments_of(const SegmentTrainOptions& options) {
  auto widths = ordered_json::array();
  std::istringstream parts(options.widths);
  for (std::string part; std::getline(parts, part, ',');) {
    if (part.empty() || part.find_first_not_of("0123456789") != std::string::npos || part.size() > 5) {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("Option widths is '{}', not numbers like 16,32,64.", options.widths));
    }
    widths.push_back(std::stoll(part));
  }
  return unet_arguments_from_json({{"widths", widths}, {"ibn", options.ibn}});
}

/// An example as the network takes it.
struct Prepared {
  at::Tensor picture;  ///< [1, C, H, W] float32
  at::Tensor labels;   ///< [1, H, W] uint8; 255 where the picture was padded
};

constexpr std::uint8_t kNoLabel = 255;

Prepared prepare(const SegmentationExample& example, const SegmenterFacts& facts) {
  const auto& labels = example.labels;
  if (example.picture.empty() || labels.width() != example.picture.width() ||
      labels.height() != example.picture.height() || labels.channels() != 1) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{}: the mask is {} x {} px, the picture {} x {}.", example.name, labels.width(),
                            labels.height(), example.picture.width(), example.picture.height()));
  }
  if (example.picture.channels() != facts.channels) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} has {} channels, where {} are expected.", example.name,
                            example.picture.channels(), facts.channels));
  }
  const auto largest = *std::max_element(labels.values().begin(), labels.values().end());
  if (largest >= facts.class_names.size()) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{}: the mask holds label {}, where there are {} classes (0 to {}).",
                            example.name, largest, facts.class_names.size(), facts.class_names.size() - 1));
  }
  const auto longest = std::max(labels.width(), labels.height());
  const auto& side = facts.working_size;
  const auto picture = side && *side != longest ? resized_to_side(example.picture, *side) : example.picture;
  const auto width = rounded_up(picture.width(), facts.size_multiple);
  const auto height = rounded_up(picture.height(), facts.size_multiple);
  auto truth = torch::full({1, height, width}, kNoLabel, torch::kUInt8);
  auto rows = truth.accessor<std::uint8_t, 3>();
  for (std::int64_t y = 0; y < picture.height(); ++y) {
    const auto* row = labels.row((2 * y + 1) * labels.height() / (2 * picture.height()));
    for (std::int64_t x = 0; x < picture.width(); ++x)
      rows[0][y][x] = row[(2 * x + 1) * labels.width() / (2 * picture.width())];
  }
  return {.picture = prepared_input(picture, facts, width, height), .labels = truth};
}

/// Random views of an example, drawn from one generator.
class Augmenter {
 public:
  Augmenter(const SegmentTrainOptions& options, const SegmenterFacts& facts, Random& random)
      : options_(options), facts_(facts), random_(random) {}

  Prepared operator()(const Prepared& example) {
    auto seen = options_.crop > 0 ? cut(example) : example;
    if (random_.chance(0.5)) seen = {seen.picture.flip({3}), seen.labels.flip({2})};
    if (random_.chance(0.5)) seen = {seen.picture.flip({2}), seen.labels.flip({1})};
    if (options_.turn > 0 || options_.zoom > 0) seen = turned(seen);
    return {recoloured(relit(blurred(seen.picture))), seen.labels};
  }

 private:
  double within(double most) { return random_.uniform(-most, most); }

  Prepared cut(const Prepared& example) {
    const auto side = rounded_up(options_.crop, facts_.size_multiple);
    const auto height = std::min(side, example.picture.size(2));
    const auto width = std::min(side, example.picture.size(3));
    const auto top = random_.index(example.picture.size(2) - height + 1);
    const auto left = random_.index(example.picture.size(3) - width + 1);
    return {example.picture.narrow(2, top, height).narrow(3, left, width),
            example.labels.narrow(1, top, height).narrow(2, left, width)};
  }

  Prepared turned(const Prepared& example) {
    const double angle = within(options_.turn) * std::numbers::pi / 180;
    const double scale = std::exp(within(std::log1p(options_.zoom)));
    // The part that is seen lies anywhere in the picture, or the picture anywhere in what is seen.
    const double across = within(std::abs(1 - scale)), down = within(std::abs(1 - scale));
    const double aspect =
        static_cast<double>(example.picture.size(2)) / static_cast<double>(example.picture.size(3));
    const double c = scale * std::cos(angle), s = scale * std::sin(angle);
    const auto theta =
        torch::tensor({c, -s * aspect, across, s / aspect, c, down}, torch::kFloat32).view({1, 2, 3});
    const auto grid = at::affine_grid_generator(theta, example.picture.sizes(), /*align_corners=*/false);
    constexpr std::int64_t kBilinear = 0, kNearest = 1, kZeros = 0, kBorder = 1;
    const auto picture = at::grid_sampler(example.picture, grid, kBilinear, kBorder, false);
    // One more, so that what lies outside comes back as no label.
    const auto labels = at::grid_sampler(
        (example.labels.to(torch::kInt16) + 1).bitwise_and(0xff).to(torch::kFloat32).unsqueeze(1), grid,
        kNearest, kZeros, false);
    return {picture, (labels.squeeze(1) - 1).to(torch::kInt16).bitwise_and(0xff).to(torch::kUInt8)};
  }

  /// Values between 0 and 1, as they are where nothing else was asked of them.
  [[nodiscard]] bool is_unit() const {
    return facts_.intensity == IntensityScale::unit && facts_.mean.empty();
  }

  at::Tensor blurred(const at::Tensor& picture) {
    if (options_.blur == 0) return picture;
    const double deviation = random_.uniform(0, options_.blur);
    const auto reach = static_cast<std::int64_t>(std::ceil(3 * deviation));
    if (reach < 1 || reach >= std::min(picture.size(2), picture.size(3))) return picture;
    const auto at = torch::arange(-reach, reach + 1, torch::kFloat32);
    const auto weights = (-at * at / (2 * deviation * deviation)).exp();
    const auto kernel = (weights / weights.sum()).repeat({picture.size(1), 1});
    const auto along = [&](const at::Tensor& x, at::IntArrayRef shape, at::IntArrayRef edges) {
      return torch::nn::functional::conv2d(at::replication_pad2d(x, edges), kernel.view(shape),
                                           torch::nn::functional::Conv2dFuncOptions().groups(x.size(1)));
    };
    const auto channels = picture.size(1), length = 2 * reach + 1;
    return along(along(picture, {channels, 1, 1, length}, {reach, reach, 0, 0}), {channels, 1, length, 1},
                 {0, 0, reach, reach});
  }

  /// Another exponent, and a smooth light over the picture; of values between 0 and 1 alone.
  at::Tensor relit(const at::Tensor& picture) {
    if (!is_unit()) return picture;
    auto x = picture;
    if (options_.gamma > 0) x = x.clamp_min(1e-4).pow(std::exp(within(options_.gamma)));
    if (options_.uneven > 0) {
      constexpr std::int64_t kCoarse = 3;
      auto light = torch::zeros({1, 1, kCoarse, kCoarse});
      for (std::int64_t i = 0; i < kCoarse * kCoarse; ++i) light.view(-1)[i] = random_.normal();
      x = x * (options_.uneven * at::upsample_bicubic2d(light, {x.size(2), x.size(3)}, true)).exp();
    }
    return x;
  }

  at::Tensor recoloured(const at::Tensor& picture) {
    if (options_.colour == 0 && options_.noise == 0) return picture;
    const auto channels = picture.size(1);
    std::vector<float> gain, shift;
    const double light = within(options_.colour), contrast = 1 + within(options_.colour);
    for (std::int64_t c = 0; c < channels; ++c) {
      gain.push_back(static_cast<float>(contrast * (1 + within(options_.colour) / 2)));
      shift.push_back(static_cast<float>((light + within(options_.colour) / 2) / 2));
    }
    const auto over = [&](const std::vector<float>& values) {
      return torch::tensor(values).view({1, -1, 1, 1});
    };
    const auto middle = picture.mean({2, 3}, /*keepdim=*/true);
    auto x = (picture - middle) * over(gain) + middle + over(shift);
    const double noise = random_.uniform(0, options_.noise);
    if (noise > 0) x = x + torch::randn_like(x) * noise;
    return is_unit() ? x.clamp(0, 1) : x;
  }

  const SegmentTrainOptions& options_;
  const SegmenterFacts& facts_;
  Random& random_;
};

Prepared batch_of(const std::vector<Prepared>& examples) {
  std::int64_t height = 0, width = 0;
  for (const auto& example : examples) {
    height = std::max(height, example.picture.size(2));
    width = std::max(width, example.picture.size(3));
  }
  std::vector<at::Tensor> pictures, labels;
  for (const auto& [picture, truth] : examples) {
    const std::int64_t right = width - picture.size(3), bottom = height - picture.size(2);
    pictures.push_back(right + bottom > 0 ? at::replication_pad2d(picture, {0, right, 0, bottom}) : picture);
    labels.push_back(right + bottom > 0 ? at::constant_pad_nd(truth, {0, right, 0, bottom}, kNoLabel)
                                        : truth);
  }
  return {at::cat(pictures), at::cat(labels)};
}

/// Cross-entropy + weight x (1 - soft Dice), the latter mean over the classes but the background, over the
/// batch.
at::Tensor segmentation_loss(const at::Tensor& logits, const at::Tensor& labels, double dice_weight) {
  const auto truth = labels.to(torch::kLong);
  const auto is_labelled = (truth != kNoLabel).to(logits.dtype());
  const auto log_probabilities = logits.log_softmax(1);
  const auto target = truth.masked_fill(truth == kNoLabel, 0);
  const auto cross_entropy =
      -(log_probabilities.gather(1, target.unsqueeze(1)).squeeze(1) * is_labelled).sum() /
      is_labelled.sum().clamp_min(1);
  if (dice_weight == 0) return cross_entropy;
  const auto probabilities = log_probabilities.exp();
  const auto mask = is_labelled.unsqueeze(1);
  const auto one_hot = torch::zeros_like(probabilities).scatter_(1, target.unsqueeze(1), 1) * mask;
  const auto shown = probabilities * mask;
  const auto both = (shown * one_hot).sum({0, 2, 3});
  const auto sum = shown.sum({0, 2, 3}) + one_hot.sum({0, 2, 3});
  const auto dice = (2 * both + 1) / (sum + 1);
  return cross_entropy + dice_weight * (1 - dice.narrow(0, 1, dice.size(0) - 1).mean());
}

struct Progress {
  std::vector<SegmentationEpoch> curve;
  std::int64_t best_epoch = 0;
  double best_dice = -1, best_loss = 0;
  TensorMap best_weights;
};

class Trainer {
 public:
  Trainer(const SegmentationSet& train, const SegmentationSet& validation, const SegmenterFacts& facts,
          const SegmentTrainOptions& options, std::uint64_t seed, const std::string& device,
          const imaging::JobContext& job, const fs::path& checkpoint)
      : facts_(facts), options_(options), seed_(seed), device_(device), job_(job), checkpoint_(checkpoint) {
    const auto arguments = arguments_of(options);
    facts_.size_multiple = arguments.size_multiple();
    facts_.working_size = options.working_size > 0 ? std::optional(options.working_size) : std::nullopt;
    facts_.crop_to_field = options.crop_to_field;
    std::string names;
    for (const auto* set : {&train, &validation}) {
      for (std::size_t i = 0; i < set->count; ++i) {
        job.checkpoint("reading pictures", static_cast<std::int64_t>(i),
                       static_cast<std::int64_t>(set->count));
        const auto example = set->read(i);
        const auto labels = example.labels.values();
        names +=
            example.name + imaging::sha256_of({reinterpret_cast<const char*>(labels.data()), labels.size()});
        (set == &train ? train_ : validation_).push_back(prepare(example, facts_));
      }
      names += "|";
    }
    check_set();
    identity_ = {{"options", imaging::options_to_json(options)},
                 {"classes", facts_.class_names},
                 {"seed", seed},
                 {"pictures", imaging::sha256_of(names)}};
    at::manual_seed(seed);
    network_ = UNet(arguments, facts_.channels, static_cast<std::int64_t>(facts_.class_names.size()));
    start_from_shares();
    network_->to(device_);
    adam_ = std::make_unique<torch::optim::Adam>(network_->parameters(),
                                                 torch::optim::AdamOptions(options.learning_rate));
  }

  SegmentationTraining run(const std::function<void(const SegmentationEpoch&)>& on_epoch) {
    auto progress = load();
    if (on_epoch) std::for_each(progress.curve.begin(), progress.curve.end(), on_epoch);
    while (!is_done(progress)) {
      SegmentationEpoch epoch{.epoch = static_cast<std::int64_t>(progress.curve.size()) + 1,
                              .loss = 0,
                              .validation_loss = {},
                              .validation_dice = {}};
      epoch.loss = train_epoch(epoch.epoch);
      if (!validation_.empty()) validate(epoch);
      progress.curve.push_back(epoch);
      if (on_epoch) on_epoch(epoch);
      keep_best(progress, epoch);
      save(progress, is_done(progress));
    }
    load_network_state(*network_, progress.best_weights);
    SegmentationTraining result{.facts = facts_,
                                .options = options_,
                                .seed = seed_,
                                .curve = progress.curve,
                                .best_epoch = progress.best_epoch,
                                .dice = {},
                                .reference = {},
                                .train_count = static_cast<std::int64_t>(train_.size()),
                                .validation_count = static_cast<std::int64_t>(validation_.size()),
                                .weights = std::make_shared<const TensorMap>(progress.best_weights)};
    SegmentationEpoch last;
    if (!validation_.empty()) result.dice = validate(last);
    result.reference = reference();
    return result;
  }

 private:
  void check_set() const {
    if (train_.empty())
      throw Error(ErrorCode::insufficient_data, "There are no pictures with masks to train on.");
    const bool has_foreground = std::any_of(train_.begin(), train_.end(), [](const Prepared& example) {
      return ((example.labels > 0).logical_and(example.labels != kNoLabel)).any().item<bool>();
    });
    if (!has_foreground) {
      throw Error(ErrorCode::insufficient_data,
                  fmt::format("The masks of all {} training pictures are empty.", train_.size()));
    }
  }

  /// The last layer starts at the classes' shares of the training pixels: from a bias of 0 the first steps go
  /// into unlearning a small class everywhere (disc of phantoms, 90 steps: loss 0.88 instead of 0.16, Dice
  /// 0.92 instead of 0.94).
  void start_from_shares() {
    constexpr double kLeastShare = 1e-4;
    const auto classes = static_cast<std::int64_t>(facts_.class_names.size());
    auto counts = torch::zeros({256}, torch::kFloat64);
    for (const auto& example : train_) counts += example.labels.flatten().bincount({}, 256);
    counts = counts.narrow(0, 0, classes);
    const torch::NoGradGuard no_grad;
    network_->named_parameters()["head.bias"].copy_((counts / counts.sum()).clamp_min(kLeastShare).log());
  }

  [[nodiscard]] bool is_done(const Progress& progress) const {
    const auto epochs = static_cast<std::int64_t>(progress.curve.size());
    return epochs >= options_.epochs || (!validation_.empty() && epochs >= options_.min_epochs &&
                                         epochs - progress.best_epoch >= options_.patience);
  }

  double train_epoch(std::int64_t epoch) {
    network_->train();
    Random random(seed_, static_cast<std::uint64_t>(epoch));
    at::manual_seed(seed_ * 1000003 + static_cast<std::uint64_t>(epoch));
    std::vector<std::size_t> order(train_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    random.shuffle(std::span(order));
    Augmenter augment(options_, facts_, random);
    const double rate = options_.learning_rate * 0.5 *
                        (1 + std::cos(std::numbers::pi * static_cast<double>(epoch - 1) /
                                      static_cast<double>(options_.epochs)));
    for (auto& group : adam_->param_groups()) group.options().set_lr(rate);
    const auto batch = std::min(static_cast<std::size_t>(options_.batch), order.size());
    const auto steps = (order.size() + batch - 1) / batch;
    const auto total = options_.epochs * static_cast<std::int64_t>(order.size());
    double sum = 0;
    for (std::size_t step = 0; step < steps; ++step) {
      job_.checkpoint(
          "training",
          (epoch - 1) * static_cast<std::int64_t>(order.size()) + static_cast<std::int64_t>(step * batch),
          total);
      std::vector<Prepared> seen;
      // The last batch is filled up from the first pictures.
      for (std::size_t i = 0; i < batch; ++i)
        seen.push_back(augment(train_[order[(step * batch + i) % order.size()]]));
      const auto [pictures, labels] = batch_of(seen);
      const auto loss = segmentation_loss(network_->forward(pictures.to(device_)), labels.to(device_),
                                          options_.dice_weight);
      adam_->zero_grad();
      loss.backward();
      adam_->step();
      const auto value = loss.item<double>();
      if (!std::isfinite(value)) {
        throw Error(ErrorCode::invalid_argument,
                    fmt::format("The loss is not finite in epoch {}; lower the learning rate of {}.", epoch,
                                options_.learning_rate));
      }
      sum += value;
    }
    return sum / static_cast<double>(steps);
  }

  /// Loss and Dice over all validation pixels. @return Dice per class
  std::vector<std::optional<double>> validate(SegmentationEpoch& epoch) {
    const torch::NoGradGuard no_grad;
    network_->eval();
    const auto classes = facts_.class_names.size();
    std::vector<double> both(classes), sum(classes);
    double loss = 0;
    for (const auto& [picture, labels] : validation_) {
      job_.checkpoint("training", epoch.epoch * static_cast<std::int64_t>(train_.size()),
                      options_.epochs * static_cast<std::int64_t>(train_.size()));
      const auto logits = network_->forward(picture.to(device_)).to(torch::kCPU);
      loss += segmentation_loss(logits, labels, options_.dice_weight).item<double>();
      const auto found = logits.argmax(1);
      for (std::size_t k = 0; k < classes; ++k) {
        const auto is_found = (found == static_cast<std::int64_t>(k)).logical_and(labels != kNoLabel);
        const auto is_true = labels == static_cast<std::int64_t>(k);
        both[k] += static_cast<double>(is_found.logical_and(is_true).sum().item<std::int64_t>());
        sum[k] +=
            static_cast<double>(is_found.sum().item<std::int64_t>() + is_true.sum().item<std::int64_t>());
      }
    }
    std::vector<std::optional<double>> dice(classes);
    double total = 0;
    int present = 0;
    for (std::size_t k = 0; k < classes; ++k) {
      if (sum[k] == 0) continue;
      dice[k] = 2 * both[k] / sum[k];
      if (k == 0) continue;
      total += *dice[k];
      ++present;
    }
    epoch.validation_loss = loss / static_cast<double>(validation_.size());
    epoch.validation_dice = present > 0 ? total / present : 1;
    return dice;
  }

  void keep_best(Progress& progress, const SegmentationEpoch& epoch) const {
    const bool is_better =
        !epoch.validation_dice || *epoch.validation_dice > progress.best_dice ||
        (*epoch.validation_dice == progress.best_dice && *epoch.validation_loss < progress.best_loss);
    if (!is_better) return;
    progress.best_epoch = epoch.epoch;
    progress.best_dice = epoch.validation_dice.value_or(0);
    progress.best_loss = epoch.validation_loss.value_or(0);
    progress.best_weights.clear();
    for (const auto& [name, tensor] : network_state(*network_))
      progress.best_weights[name] = tensor.to(torch::kCPU).clone();
  }

  MonitorReading reference() {
    network_->eval();
    std::vector<at::Tensor> pictures;
    for (const auto& example : validation_.empty() ? train_ : validation_)
      pictures.push_back(example.picture.to(device_));
    auto reading = read_monitors(pictures, [&](const at::Tensor& x) { return network_->forward(x); });
    reading.labels.clear();
    return reading;
  }

  void save(const Progress& progress, bool is_last) {
    const auto now = std::chrono::steady_clock::now();
    if (checkpoint_.empty() || (!is_last && now - saved_ < kMostCheckpointShare * cost_)) return;
    auto curve = ordered_json::array();
    for (const auto& epoch : progress.curve) {
      auto row = ordered_json::array({epoch.loss});
      if (epoch.validation_dice) row.insert(row.end(), {*epoch.validation_loss, *epoch.validation_dice});
      curve.push_back(row);
    }
    TensorMap state;
    for (const auto& [name, tensor] : progress.best_weights) state["best." + name] = tensor;
    for (const auto& [name, tensor] : network_state(*network_)) state["network." + name] = tensor;
    save_adam(*adam_, state, "adam.");
    const ordered_json text{{"run", identity_},
                            {"curve", curve},
                            {"best_epoch", progress.best_epoch},
                            {"best_dice", progress.best_dice},
                            {"best_loss", progress.best_loss}};
    write_safetensors(checkpoint_, state, {{"schema", kSchema}, {"progress", text.dump()}});
    saved_ = std::chrono::steady_clock::now();
    cost_ = saved_ - now;
  }

  Progress load() {
    Progress progress;
    if (checkpoint_.empty() || !fs::exists(checkpoint_)) return progress;
    const auto metadata = read_safetensors_metadata(checkpoint_);
    const auto schema = metadata.find("schema");
    if (schema == metadata.end() || schema->second != kSchema || !metadata.contains("progress"))
      throw Error(ErrorCode::corrupt_data,
                  fmt::format("{} is no checkpoint of a segmenter.", checkpoint_.string()));
    const auto text = ordered_json::parse(metadata.at("progress"));
    for (const auto& [key, value] : identity_.items()) {
      if (text["run"][key] != value) {
        throw Error(
            ErrorCode::incompatible,
            fmt::format(
                "{} is the checkpoint of another run: its {} differ; remove it, or train into another "
                "folder.",
                checkpoint_.string(), key));
      }
    }
    for (const auto& row : text["curve"]) {
      SegmentationEpoch epoch{.epoch = static_cast<std::int64_t>(progress.curve.size()) + 1,
                              .loss = row[0],
                              .validation_loss = {},
                              .validation_dice = {}};
      if (row.size() == 3) {
        epoch.validation_loss = row[1].get<double>();
        epoch.validation_dice = row[2].get<double>();
      }
      progress.curve.push_back(epoch);
    }
    progress.best_epoch = text["best_epoch"];
    progress.best_dice = text["best_dice"];
    progress.best_loss = text["best_loss"];
    TensorMap network;
    const auto state = read_safetensors(checkpoint_);
    for (const auto& [name, tensor] : state) {
      if (name.starts_with("best.")) progress.best_weights[name.substr(5)] = tensor;
      if (name.starts_with("network.")) network[name.substr(8)] = tensor;
    }
    load_network_state(*network_, network);
    load_adam(*adam_, state, "adam.");
    return progress;
  }

  SegmenterFacts facts_;
  const SegmentTrainOptions& options_;
  std::uint64_t seed_;
  torch::Device device_;
  const imaging::JobContext& job_;
  fs::path checkpoint_;
  std::vector<Prepared> train_, validation_;
  ordered_json identity_;
  UNet network_{nullptr};
  std::unique_ptr<torch::optim::Adam> adam_;
  std::chrono::steady_clock::time_point saved_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::duration cost_{};
};

}  // namespace

SegmentationTraining train_segmenter(const SegmentationSet& train, const SegmentationSet& validation,
                                     const SegmenterFacts& facts, const SegmentTrainOptions& options,
                                     std::uint64_t seed, const std::string& device,
                                     const imaging::JobContext& job, const fs::path& checkpoint,
                                     const std::function<void(const SegmentationEpoch&)>& on_epoch) {
  imaging::check_options(options);
  make_deterministic(seed);
  return with_torch_errors(ErrorCode::internal, "The training failed", [&] {
    return Trainer(train, validation, facts, options, seed, device, job, checkpoint).run(on_epoch);
  });
}

void write_segmenter_package(const fs::path& folder, const SegmentationTraining& training,
                             const SegmenterTexts& texts) {
  PackageFolder making(folder);
  ordered_json manifest{{"schema", "tessera.model/1"},
                        {"name", texts.name},
                        {"task", "segmentation"},
                        {"architecture", "unet"},
                        {"architecture_arguments", unet_arguments_to_json(arguments_of(training.options))}};
  put_segmenter_facts(manifest, training.facts);
  manifest["monitor_reference"] = to_json(training.reference);
  ordered_json dice = ordered_json::object();
  std::string lines;
  for (std::size_t k = 1; k < training.dice.size(); ++k) {
    const auto& name = training.facts.class_names[k];
    dice[name] = training.dice[k] ? ordered_json(*training.dice[k]) : ordered_json(nullptr);
    lines += fmt::format("- Dice of {} on the validation pictures: {}\n", name,
                         training.dice[k] ? fmt::format("{:.3f}", *training.dice[k]) : "not available");
  }
  if (!training.dice.empty())
    manifest["metrics"] = {{"validation_dice", dice}, {"validation_pictures", training.validation_count}};
  manifest["training"] = {{"options", imaging::options_to_json(training.options)},
                          {"seed", training.seed},
                          {"pictures", training.train_count},
                          {"best_epoch", training.best_epoch},
                          {"epochs", training.curve.size()}};
  manifest["training_data"] = texts.training_data;
  manifest["intended_use"] = "research; not for diagnosis";
  manifest["limitations"] = "not assessed outside its own validation pictures";
  manifest["licence"] = texts.licence;
  write_safetensors(making.path() / "model.safetensors", *training.weights);
  imaging::write_file(
      making.path() / "README.md",
      fmt::format("# {}\n\nA U-Net that finds {}. Research software, not for diagnosis.\n\n- Training data: "
                  "{}\n- Pictures: "
                  "{} to train on, {} to stop on\n- Epoch {} of {}\n{}- Licence: {}\n",
                  texts.name,
                  fmt::join(training.facts.class_names.begin() + 1, training.facts.class_names.end(), ", "),
                  texts.training_data, training.train_count, training.validation_count, training.best_epoch,
                  training.curve.size(), lines, texts.licence));
  seal_package(making.path(), manifest);
  making.publish();
}

}  // namespace models
