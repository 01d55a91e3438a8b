#include "models/retina/linear_baseline.h"

#include <fmt/format.h>
#include <torch/optim.h>
#include <torch/types.h>

#include <limits>
#include <optional>

#include "imaging/base/error.h"
#include "models/retina/fundus_transform.h"
#include "models/retina/grader_network_module.h"
#include "models/runtime/ordered_ahead.h"
#include "models/runtime/tensor_bridge.h"
#include "models/runtime/torch_errors.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;

constexpr std::int64_t kSteps = 200;

GraderNetwork open_backbone(const std::filesystem::path& weights) {
  const auto state = read_backbone_weights(weights);
  const bool is_preact = state.contains("trunk.s1.0.conv1.weight") || state.contains("s1.0.conv1.weight");
  GraderArguments arguments;
  if (is_preact) {
    arguments = grader_arguments_from_json("resnet50v2", {});
  } else {
    arguments.backbone = resnet_arguments_of(state, false);
    arguments.architecture = resnet_architecture(arguments.backbone);
  }
  GraderNetwork network(arguments);
  network->load_backbone(state);
  return network;
}

torch::Tensor matrix(std::span<const double> rows, std::int64_t count) {
  if (count < 1 || rows.empty() || rows.size() % static_cast<std::size_t>(count) != 0) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} numbers are no features of {} photographs.", rows.size(), count));
  }
  return torch::from_blob(const_cast<double*>(rows.data()), {count, std::ssize(rows) / count}, torch::kDouble)
      .clone();
}

}  // namespace

FrozenFeatures compute_frozen_features(const RetinaTrainingSet& set, std::span<const RetinaExample> examples,
                                       const std::filesystem::path& weights, std::int64_t input,
                                       const std::string& device, const imaging::JobContext& job) {
  return with_torch_errors(ErrorCode::incompatible, "The baseline's features cannot be computed", [&] {
    const torch::NoGradGuard no_grad;
    auto network = open_backbone(weights);
    network->to(torch::Device(device));
    network->prepare_for_inference();
    FrozenFeatures features{network->arguments().map_channels(), {}};
    OrderedAhead<FieldPicture> ahead(examples.size(), 1, 4,
                                     [&](std::size_t i) { return set.read(examples[i]); });
    std::optional<FundusTransform> transform;
    for (std::size_t i = 0; i < examples.size(); ++i) {
      job.checkpoint("features of the baseline", static_cast<std::int64_t>(i), std::ssize(examples));
      const auto picture = ahead.next();
      if (!transform) transform.emplace(fundus_transform_steps(picture.image.width(), input));
      const auto pixels = tensor_from_images({&picture.image, 1}).to(torch::Device(device));
      const auto row = network->forward_map(transform->apply(pixels, pixels)).mean({2, 3});
      const auto plain = row.to(torch::kCPU, torch::kDouble).contiguous();
      features.rows.insert(features.rows.end(), plain.data_ptr<double>(),
                           plain.data_ptr<double>() + plain.numel());
    }
    return features;
  });
}

struct LogisticRegression::Numbers {
  torch::Tensor mean, scale, weight, bias;

  [[nodiscard]] torch::Tensor logits(const torch::Tensor& rows) const {
    return ((rows - mean) / scale).matmul(weight.t()) + bias;
  }
};

LogisticRegression LogisticRegression::fit(std::span<const double> rows, std::span<const std::int64_t> labels,
                                           std::span<const double> validation_rows,
                                           std::span<const std::int64_t> validation_labels,
                                           std::int64_t class_count) {
  const auto x = matrix(rows, std::ssize(labels));
  const auto y = torch::tensor(std::vector<std::int64_t>(labels.begin(), labels.end()));
  const auto mean = x.mean(0), scale = x.std(0).clamp_min(1e-9);
  const auto z = (x - mean) / scale;
  const auto train = [&](double strength) {
    auto weight = torch::zeros({class_count, x.size(1)}, torch::dtype(torch::kDouble).requires_grad(true));
    auto bias = torch::zeros({class_count}, torch::dtype(torch::kDouble).requires_grad(true));
    torch::optim::LBFGS optimizer(
        {weight, bias},
        torch::optim::LBFGSOptions(1).max_iter(kSteps).history_size(10).line_search_fn("strong_wolfe"));
    optimizer.step([&] {
      optimizer.zero_grad();
      const auto loss = torch::cross_entropy_loss(z.matmul(weight.t()) + bias, y) +
                        weight.square().sum() / (2 * strength * static_cast<double>(x.size(0)));
      loss.backward();
      return loss;
    });
    return Numbers{mean, scale, weight.detach(), bias.detach()};
  };
  LogisticRegression best;
  double least = std::numeric_limits<double>::infinity();
  for (const double strength : {1e-3, 1e-4, 1e-2, 1e-1}) {
    const auto numbers = train(strength);
    double loss = 0;
    if (!validation_labels.empty()) {
      const auto logits = numbers.logits(matrix(validation_rows, std::ssize(validation_labels)));
      const auto truth =
          torch::tensor(std::vector<std::int64_t>(validation_labels.begin(), validation_labels.end()));
      loss = torch::cross_entropy_loss(logits, truth).item<double>();
    }
    if (loss >= least) continue;
    least = loss;
    best.numbers_ = std::make_shared<const Numbers>(numbers);
    best.strength_ = strength;
    if (validation_labels.empty()) break;
  }
  return best;
}

std::vector<double> LogisticRegression::probabilities(std::span<const double> rows) const {
  const auto dim = numbers_->mean.size(0);
  const auto values = numbers_->logits(matrix(rows, std::ssize(rows) / dim)).softmax(1).contiguous();
  return {values.data_ptr<double>(), values.data_ptr<double>() + values.numel()};
}

}  // namespace models
