#include "models/retina/training_pictures.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "models/retina/training_draws.h"

namespace models {
namespace {

using imaging::Random;

constexpr std::size_t kAhead = 48;  // pictures that wait

/// [B, 3, side, side] and its field [B, 1, side, side].
struct Pictures {
  torch::Tensor values, field;
};

Pictures stack(std::span<const NetworkPicture> pictures) {
  const auto count = std::ssize(pictures), side = pictures.front().side;
  Pictures stacked{torch::empty({count, 3, side, side}), torch::empty({count, 1, side, side})};
  for (std::int64_t i = 0; i < count; ++i) {
    const auto& picture = pictures[static_cast<std::size_t>(i)];
    std::copy(picture.values.begin(), picture.values.end(), stacked.values[i].data_ptr<float>());
    std::copy(picture.field.begin(), picture.field.end(), stacked.field[i].data_ptr<float>());
  }
  return stacked;
}

FundusAugmentation augmentation_of(const RetinaTrainOptions& options) {
  const auto& name = options.augmentation;
  if (name == "fundus" || (name == "auto" && options.method == "gdrnet")) return FundusAugmentation::fundus;
  return name == "none" ? FundusAugmentation::none : FundusAugmentation::baseline;
}

}  // namespace

nlohmann::ordered_json training_transform(const RetinaTrainingPlan& plan) {
  const auto& network = plan.network;
  const auto normalisation = network.normalise == "colours"    ? FieldNormalisation::colours
                             : network.normalise == "contrast" ? FieldNormalisation::contrast
                                                               : FieldNormalisation::none;
  // FundusAug trains on crops of 7/8; its test picture is the middle of that.
  return augmentation_of(plan.training) == FundusAugmentation::fundus
             ? fundus_transform_steps(network.crop, network.input * 8 / 7, network.input, normalisation)
             : fundus_transform_steps(network.crop, network.input, 0, normalisation);
}

TrainingPictures::TrainingPictures(const RetinaTrainingSet& set, const RetinaTrainingPlan& plan,
                                   const nlohmann::ordered_json& transform, std::uint64_t seed,
                                   torch::Device device)
    : set_(set), plan_(plan), seed_(seed), device_(device), transform_(transform) {}

std::unique_ptr<OrderedAhead<AugmentedViews>> TrainingPictures::draw_ahead(
    const std::vector<std::size_t>& order, std::int64_t epoch) const {
  return std::make_unique<OrderedAhead<AugmentedViews>>(
      order.size(), static_cast<std::size_t>(plan_.training.workers), kAhead,
      [this, order, epoch](std::size_t i) {
        Random random(seed_, training_stream("picture", epoch, static_cast<std::int64_t>(i)));
        return augment(set_.train[order[i]], random);
      });
}

AugmentedViews TrainingPictures::draw_fixed_view(const RetinaExample& example, std::int64_t view) const {
  Random random(0, training_stream(example.id, 0, view));
  return augment(example, random);
}

AugmentedViews TrainingPictures::augment(const RetinaExample& example, Random& random) const {
  return augment_fundus(set_.read(example), plan_.network.input, augmentation_of(plan_.training),
                        plan_.training.turns, random);
}

std::unique_ptr<OrderedAhead<FieldPicture>> TrainingPictures::read_ahead(
    std::span<const RetinaExample> examples) const {
  return std::make_unique<OrderedAhead<FieldPicture>>(
      examples.size(), static_cast<std::size_t>(plan_.training.workers), kAhead,
      [this, examples](std::size_t i) { return set_.read(examples[i]); });
}

torch::Tensor TrainingPictures::plain_input(FieldPicture picture) const {
  const auto side = picture.mask.width();
  const auto mask = torch::from_blob(picture.mask.data(), {1, 1, side, side}, torch::kUInt8).clone();
  return transform_.apply(tensor_from_images({&picture.image, 1}).to(device_), mask.to(device_));
}

torch::Tensor TrainingPictures::plain_input(OrderedAhead<FieldPicture>& ahead, std::int64_t count) const {
  std::vector<torch::Tensor> inputs;
  for (std::int64_t i = 0; i < count; ++i) inputs.push_back(plain_input(ahead.next()));
  return torch::cat(inputs);
}

std::pair<torch::Tensor, torch::Tensor> TrainingPictures::plain_lesions(const FieldPicture& picture) const {
  const auto side = picture.mask.width(), kinds = std::int64_t{picture.lesions.channels()};
  const auto planes = [&](const imaging::Image8& image, std::int64_t channels) {
    return torch::from_blob(const_cast<std::uint8_t*>(image.data()), {side, side, channels}, torch::kUInt8)
               .permute({2, 0, 1})
               .to(torch::kFloat32) /
           255;
  };
  const auto seen = transform_.seen();
  const auto first = std::lround(seen.x), last = std::lround(seen.x + seen.width);
  const auto cut = [&](const torch::Tensor& x) { return x.slice(1, first, last).slice(2, first, last); };
  return {cut(planes(picture.lesions, kinds)), cut(planes(picture.mask, 1))};
}

torch::Tensor TrainingPictures::input_of(std::span<const NetworkPicture> pictures) const {
  const auto stacked = stack(pictures);
  return transform_.finish(stacked.values.to(device_), stacked.field.to(device_));
}

}  // namespace models
