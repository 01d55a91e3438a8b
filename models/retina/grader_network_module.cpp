#include "models/retina/grader_network_module.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "imaging/base/error.h"

namespace models {
namespace {

namespace nn = torch::nn;
using imaging::Error;
using imaging::ErrorCode;

bool is_counter(const std::string& name) {
  return name.find("num_batches_tracked") != std::string::npos;
}

std::string shape_text(const torch::Tensor& tensor) {
  return fmt::format("[{}]", fmt::join(tensor.sizes().begin(), tensor.sizes().end(), ", "));
}

/// All tensors of the module but the batch counters.
std::vector<std::pair<std::string, torch::Tensor>> tensors_of(const nn::Module& module) {
  std::vector<std::pair<std::string, torch::Tensor>> all;
  for (const auto& item : module.named_parameters()) all.emplace_back(item.key(), item.value());
  for (const auto& item : module.named_buffers()) {
    if (!is_counter(item.key())) all.emplace_back(item.key(), item.value());
  }
  return all;
}

void fill(const nn::Module& module, const TensorMap& state) {
  const torch::NoGradGuard no_grad;
  auto own = tensors_of(module);
  for (auto& [name, tensor] : own) {
    const auto found = state.find(name);
    if (found == state.end())
      throw Error(ErrorCode::incompatible, fmt::format("The weights lack the tensor '{}'.", name));
    if (found->second.sizes() != tensor.sizes()) {
      throw Error(ErrorCode::incompatible,
                  fmt::format("The weight '{}' has the shape {}, where the network needs {}.", name,
                              shape_text(found->second), shape_text(tensor)));
    }
    tensor.copy_(found->second);
  }
  for (const auto& [name, tensor] : state) {
    const bool is_known =
        is_counter(name) ||
        std::any_of(own.begin(), own.end(), [&, key = name](const auto& item) { return item.first == key; });
    if (!is_known) {
      throw Error(ErrorCode::incompatible,
                  fmt::format("The weights hold the tensor '{}', which the network has not.", name));
    }
  }
}

}  // namespace

GraderNetworkImpl::GraderNetworkImpl(const GraderArguments& arguments)
    : arguments_(arguments),
      split_(arguments.backbone.layers[0] + arguments.backbone.layers[1]),
      grade_(arguments.feature_dim(), arguments.grade_count) {
  if (arguments.architecture == "resnet50v2") {
    const auto& layers = arguments.backbone.layers;
    preact_ = register_module(
        "backbone", PreactResNet(arguments.backbone.width, std::array{layers[0], layers[1], layers[2]}));
  } else {
    resnet_ = register_module("backbone", ResNet(arguments.backbone));
  }
  register_module("grade", grade_);
  if (arguments.oedema_count > 0) {
    oedema_ = register_module("oedema", nn::Linear(arguments.feature_dim(), arguments.oedema_count));
  }
  if (arguments.pooling == FundusPooling::lesions) {
    lesions_ =
        register_module("lesions", nn::Linear(arguments.map_channels(), std::ssize(lesion_kind_names())));
    for (auto& parameter : lesions_->parameters()) parameter.set_requires_grad(false);
  }
}

void GraderNetworkImpl::set_split(std::int64_t blocks) {
  const auto count = block_count();
  if (blocks < 0 || blocks > count) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("The network has {} residual blocks; it cannot be cut after {}.", count, blocks));
  }
  split_ = blocks;
}

std::int64_t GraderNetworkImpl::block_count() const {
  const auto& layers = arguments_.backbone.layers;
  const auto stages = preact_ ? std::int64_t{3} : arguments_.backbone.stages();
  return std::accumulate(layers.begin(), layers.begin() + stages, std::int64_t{0});
}

void GraderNetworkImpl::set_grade_head(const torch::Tensor& weight, const torch::Tensor& bias) {
  const torch::NoGradGuard no_grad;
  grade_->weight.copy_(weight);
  grade_->bias.copy_(bias);
}

void GraderNetworkImpl::set_oedema_head(const torch::Tensor& weight, const torch::Tensor& bias) {
  const torch::NoGradGuard no_grad;
  oedema_->weight.copy_(weight);
  oedema_->bias.copy_(bias);
}

void GraderNetworkImpl::set_lesion_probe(const torch::Tensor& weight, const torch::Tensor& bias) {
  const torch::NoGradGuard no_grad;
  lesions_->weight.copy_(weight);
  lesions_->bias.copy_(bias);
}

torch::Tensor GraderNetworkImpl::early(const torch::Tensor& x) {
  const auto blocks = static_cast<std::size_t>(split_);
  return preact_ ? preact_->early(x, blocks) : resnet_->early(x, blocks);
}

torch::Tensor GraderNetworkImpl::late(const torch::Tensor& early_map) {
  const auto blocks = static_cast<std::size_t>(split_);
  return preact_ ? preact_->late(early_map, blocks) : resnet_->late(early_map, blocks);
}

torch::Tensor GraderNetworkImpl::forward_map(const torch::Tensor& x) {
  return preact_ ? preact_->forward_map(x) : resnet_->forward_map(x);
}

torch::Tensor GraderNetworkImpl::pool(const torch::Tensor& map) {
  const auto mean = map.mean({2, 3});
  if (arguments_.pooling == FundusPooling::mean) return mean;
  if (arguments_.pooling == FundusPooling::mean_max) return torch::cat({mean, map.amax({2, 3})}, 1);
  constexpr double kLeast = 1e-3;  // a share that counts for none
  const auto found = lesions_->forward(map.permute({0, 2, 3, 1})).permute({0, 3, 1, 2}).sigmoid();
  const auto cells = found.flatten(2);  // [B, kinds, h * w]
  const auto highest = std::get<0>(cells.topk(std::max<std::int64_t>(1, cells.size(2) / 16), 2)).mean(2);
  const auto quadrants = torch::adaptive_avg_pool2d(found, {2, 2}).flatten(2).amin(2);
  const auto says = torch::stack({cells.mean(2), highest, quadrants}, 2).flatten(1);
  return torch::cat({mean, (says + kLeast).log()}, 1);
}

GraderLogits GraderNetworkImpl::heads(const torch::Tensor& features) {
  return {grade_->forward(features), oedema_ ? oedema_->forward(features) : torch::Tensor()};
}

bool GraderNetworkImpl::is_early(const std::string& name) const {
  // backbone.layer<stage>.<block>. or backbone.s<stage>.<block>.; the stem has no stage, heads no backbone.
  constexpr std::string_view kBackbone = "backbone.";
  if (name.rfind(kBackbone, 0) != 0 || name.rfind("backbone.post", 0) == 0) return false;
  const auto rest = name.substr(kBackbone.size());
  const auto digit = rest.rfind("layer", 0) == 0 ? std::size_t{5}
                     : rest[0] == 's'            ? std::size_t{1}
                                                 : rest.size();
  if (digit >= rest.size()) return true;
  const auto stage = static_cast<std::size_t>(rest[digit] - '1');
  if (rest.size() < digit + 3) return false;  // a stage as a whole
  auto block = static_cast<std::int64_t>(std::stol(rest.substr(digit + 2)));
  for (std::size_t before = 0; before < stage; ++before) block += arguments_.backbone.layers[before];
  return block < split_;
}

std::vector<torch::Tensor> GraderNetworkImpl::late_parameters() const {
  std::vector<torch::Tensor> chosen;
  for (const auto& item : named_parameters()) {
    if (!is_early(item.key())) chosen.push_back(item.value());
  }
  return chosen;
}

void GraderNetworkImpl::freeze_early() {
  for (const auto& item : named_parameters()) {
    if (is_early(item.key())) item.value().set_requires_grad(false);
  }
  for (const auto& item : named_modules("", /*include_self=*/false)) {
    if (item.key() != "backbone" && is_early(item.key())) item.value()->train(false);
  }
}

void GraderNetworkImpl::load(const TensorMap& state) {
  fill(*this, state);
}

void GraderNetworkImpl::load_backbone(const TensorMap& state) {
  if (resnet_) return resnet_->load(state);
  TensorMap plain;
  constexpr std::string_view kTrunk = "trunk.";
  for (const auto& [name, tensor] : state)
    plain[name.rfind(kTrunk, 0) == 0 ? name.substr(kTrunk.size()) : name] = tensor;
  fill(*preact_, plain);
}

TensorMap GraderNetworkImpl::state() const {
  TensorMap state;
  for (const auto& [name, tensor] : tensors_of(*this)) state[name] = tensor.detach().to(torch::kCPU).clone();
  return state;
}

void GraderNetworkImpl::prepare_for_inference() {
  eval();
  if (preact_) {
    preact_->prepare_for_inference();
  } else {
    resnet_->prepare_for_inference();
  }
}

bool GraderNetworkImpl::is_onednn() const {
  return preact_ ? preact_->is_onednn() : resnet_->is_onednn();
}

}  // namespace models
