#include "models/encoders/resnet_module.h"

#include <fmt/format.h>

#include <algorithm>

#include "imaging/base/error.h"
#include "models/adaptation/norm_hook.h"

namespace models {
namespace {

namespace nn = torch::nn;
using imaging::Error;
using imaging::ErrorCode;
using nlohmann::ordered_json;

/// Where it is being adapted, by whoever adapts.
torch::Tensor batch_norm_of(nn::BatchNorm2d& norm, const torch::Tensor& x) {
  if (auto* hook = norm_hook()) {
    return hook->normalise({.x = x,
                            .scale = norm->weight,
                            .shift = norm->bias,
                            .mean = norm->running_mean,
                            .variance = norm->running_var,
                            .epsilon = norm->options.eps()});
  }
  return norm->forward(x);
}

nn::InstanceNorm2d make_instance_norm(std::int64_t channels) {
  return nn::InstanceNorm2d(nn::InstanceNorm2dOptions(channels).affine(true));
}

enum class Norm { batch, mixed, instance };

ConvNorm make_conv_norm(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride,
                        Norm norm = Norm::batch) {
  ConvNorm part;
  part.conv = nn::Conv2d(nn::Conv2dOptions(in, out, kernel).stride(stride).padding(kernel / 2).bias(false));
  if (norm == Norm::batch) part.norm = nn::BatchNorm2d(out);
  if (norm == Norm::mixed) part.mixed = InstanceBatchNorm(out);
  if (norm == Norm::instance) part.instance = make_instance_norm(out);
  return part;
}

std::shared_ptr<nn::Module> norm_of(const ConvNorm& part) {
  if (part.norm) return part.norm.ptr();
  if (part.mixed) return part.mixed.ptr();
  return part.instance.ptr();
}

BlockInstanceNorm block_norm(InstanceNormVariant variant, std::int64_t stage, bool is_last) {
  if (variant == InstanceNormVariant::a && stage < 3) return BlockInstanceNorm::first;
  if (variant == InstanceNormVariant::b && stage < 2 && is_last) return BlockInstanceNorm::closing;
  return BlockInstanceNorm::none;
}

constexpr std::array<const char*, 3> kVariantNames{"none", "a", "b"};

bool is_passed_over(const std::string& name, std::int64_t stages) {
  if (name.rfind("fc.", 0) == 0 || name.find("num_batches_tracked") != std::string::npos) return true;
  return stages < 4 && name.rfind("layer4.", 0) == 0;
}

std::string shape_text(const torch::Tensor& tensor) {
  return fmt::format("[{}]", fmt::join(tensor.sizes().begin(), tensor.sizes().end(), ", "));
}

}  // namespace

ResNetArguments resnet_arguments_from_json(const std::string& architecture, const ordered_json& arguments) {
  ResNetArguments found;
  if (architecture == "resnet50") {
    found.is_bottleneck = true;
    found.layers = {3, 4, 6, 3};
  } else if (architecture != "resnet18") {
    throw Error(
        ErrorCode::incompatible,
        fmt::format("The architecture '{}' is not built in; known are torchscript, resnet18, resnet50.",
                    architecture));
  }
  const auto refuse = [&](const std::string& key) {
    throw Error(ErrorCode::incompatible,
                fmt::format("The architecture argument '{}' is {}, which {} does not take.", key,
                            arguments[key].dump(), architecture));
  };
  for (const auto& [key, value] : arguments.items()) {
    if (key == "width") {
      if (!value.is_number_integer() || value < 4 || value > 1024) refuse(key);
      found.width = value;
    } else if (key == "layers") {
      if (!value.is_array() || value.size() != 4) refuse(key);
      for (std::size_t i = 0; i < 4; ++i) {
        if (!value[i].is_number_integer() || value[i] < 1 || value[i] > 64) refuse(key);
        found.layers[i] = value[i];
      }
    } else if (key == "features") {
      if (value != "pool" && value != "truncated") refuse(key);
      found.is_truncated = value == "truncated";
    } else if (key == "ibn") {
      const auto name = std::find(kVariantNames.begin(), kVariantNames.end(), value);
      if (name == kVariantNames.end()) refuse(key);
      found.instance_norm = static_cast<InstanceNormVariant>(name - kVariantNames.begin());
    } else {
      refuse(key);
    }
  }
  return found;
}

std::string resnet_architecture(const ResNetArguments& arguments) {
  return arguments.is_bottleneck ? "resnet50" : "resnet18";
}

ordered_json resnet_arguments_to_json(const ResNetArguments& arguments) {
  ordered_json json{{"width", arguments.width},
                    {"layers", arguments.layers},
                    {"features", arguments.is_truncated ? "truncated" : "pool"}};
  if (arguments.instance_norm != InstanceNormVariant::none)
    json["ibn"] = kVariantNames[static_cast<std::size_t>(arguments.instance_norm)];
  return json;
}

ResNetArguments resnet_arguments_of(const TensorMap& state, bool is_truncated) {
  const auto stem = state.find("conv1.weight");
  if (stem == state.end() || stem->second.dim() != 4 || !state.contains("layer1.0.conv2.weight")) {
    throw Error(ErrorCode::incompatible,
                "The state dict is no ResNet's with torchvision's names (it has no conv1.weight and "
                "layer1.0.conv2.weight); export the network as TorchScript instead.");
  }
  ResNetArguments found;
  found.is_truncated = is_truncated;
  found.width = stem->second.size(0);
  found.is_bottleneck = state.contains("layer1.0.conv3.weight");
  for (std::size_t stage = 0; stage < 4; ++stage) {
    std::int64_t blocks = 0;
    while (state.contains(fmt::format("layer{}.{}.conv1.weight", stage + 1, blocks))) ++blocks;
    if (blocks == 0 && stage < static_cast<std::size_t>(found.stages())) {
      throw Error(ErrorCode::incompatible, fmt::format("The state dict has no layer{}.", stage + 1));
    }
    found.layers[stage] = std::max<std::int64_t>(blocks, 1);
  }
  if (state.contains("layer1.0.bn1.IN.weight")) found.instance_norm = InstanceNormVariant::a;
  if (state.contains(fmt::format("layer1.{}.IN.weight", found.layers[0] - 1)))
    found.instance_norm = InstanceNormVariant::b;
  return found;
}

InstanceBatchNormImpl::InstanceBatchNormImpl(std::int64_t channels)
    : half_(channels / 2), instance_(make_instance_norm(half_)), batch_(channels - half_) {
  register_module("IN", instance_);
  register_module("BN", batch_);
}

torch::Tensor InstanceBatchNormImpl::forward(const torch::Tensor& x) {
  return torch::cat({instance_->forward(x.narrow(1, 0, half_)),
                     batch_norm_of(batch_, x.narrow(1, half_, x.size(1) - half_))},
                    1);
}

torch::Tensor ConvNorm::operator()(const torch::Tensor& x) {
  auto y = conv->forward(x);
  if (norm) return batch_norm_of(norm, y);
  if (mixed) return mixed->forward(y);
  return instance ? instance->forward(y) : y;
}

void ConvNorm::fold() {
  if (!norm) return;
  const auto scale = norm->weight / torch::sqrt(norm->running_var + norm->options.eps());
  conv->weight = (conv->weight * scale.view({-1, 1, 1, 1})).contiguous();
  conv->bias = (norm->bias - norm->running_mean * scale).contiguous();
  norm = nullptr;
}

void ConvNorm::use_onednn_layout() {
  const auto side = [](const auto& sizes) { return std::vector<std::int64_t>(sizes->begin(), sizes->end()); };
  const auto padding = conv->weight.size(2) / 2;
  conv->weight = at::mkldnn_reorder_conv2d_weight(conv->weight.to_mkldnn(), {padding, padding},
                                                  side(conv->options.stride()),
                                                  side(conv->options.dilation()), conv->options.groups());
  if (conv->bias.defined()) conv->bias = conv->bias.to_mkldnn();
}

ResNetBlockImpl::ResNetBlockImpl(std::int64_t in_channels, std::int64_t channels, std::int64_t stride,
                                 bool is_bottleneck, BlockInstanceNorm instance_norm) {
  const auto first = instance_norm == BlockInstanceNorm::first ? Norm::mixed : Norm::batch;
  const auto out_channels = channels * (is_bottleneck ? 4 : 1);
  if (is_bottleneck) {
    path_ = {make_conv_norm(in_channels, channels, 1, 1, first),
             make_conv_norm(channels, channels, 3, stride), make_conv_norm(channels, out_channels, 1, 1)};
  } else {
    path_ = {make_conv_norm(in_channels, channels, 3, stride, first),
             make_conv_norm(channels, channels, 3, 1)};
  }
  for (std::size_t i = 0; i < path_.size(); ++i) {
    register_module(fmt::format("conv{}", i + 1), path_[i].conv);
    register_module(fmt::format("bn{}", i + 1), norm_of(path_[i]));
  }
  if (instance_norm == BlockInstanceNorm::closing) {
    closing_ = register_module("IN", make_instance_norm(out_channels));
  }
  if (stride != 1 || in_channels != out_channels) {
    shortcut_ = make_conv_norm(in_channels, out_channels, 1, stride);
    nn::Sequential downsample;
    downsample->push_back(shortcut_.conv);
    downsample->push_back(shortcut_.norm);
    register_module("downsample", downsample);
  }
}

torch::Tensor ResNetBlockImpl::forward(const torch::Tensor& x) {
  auto y = x;
  for (std::size_t i = 0; i + 1 < path_.size(); ++i) y = path_[i](y).relu_();
  y = path_.back()(y);
  y += shortcut_.conv ? shortcut_(x) : x;
  if (closing_) y = closing_->forward(y);
  return y.relu_();
}

std::vector<ConvNorm*> ResNetBlockImpl::parts() {
  std::vector<ConvNorm*> all;
  for (auto& part : path_) all.push_back(&part);
  if (shortcut_.conv) all.push_back(&shortcut_);
  return all;
}

ResNetImpl::ResNetImpl(const ResNetArguments& arguments) : arguments_(arguments) {
  stem_ = make_conv_norm(3, arguments.width, 7, 2,
                         arguments.instance_norm == InstanceNormVariant::b ? Norm::instance : Norm::batch);
  register_module("conv1", stem_.conv);
  register_module("bn1", norm_of(stem_));
  auto channels = arguments.width;
  for (std::int64_t stage = 0; stage < arguments.stages(); ++stage) {
    nn::Sequential layer;
    const auto stage_channels = arguments.width << stage;
    const auto count = arguments.layers[static_cast<std::size_t>(stage)];
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t stride = stage > 0 && i == 0 ? 2 : 1;
      blocks_.emplace_back(channels, stage_channels, stride, arguments.is_bottleneck,
                           block_norm(arguments.instance_norm, stage, i + 1 == count));
      channels = stage_channels * arguments.expansion();
      layer->push_back(blocks_.back());
    }
    register_module(fmt::format("layer{}", stage + 1), layer);
  }
  // As torchvision: He initialisation over the fan out.
  for (auto* part : parts()) {
    nn::init::kaiming_normal_(part->conv->weight, 0, torch::kFanOut, torch::kReLU);
  }
}

torch::Tensor ResNetImpl::forward(const torch::Tensor& x) {
  return forward_map(x).mean({2, 3});
}

torch::Tensor ResNetImpl::forward_map(const torch::Tensor& x) {
  const auto y = early(is_onednn_ ? x.to_mkldnn() : x, blocks_.size());
  return is_onednn_ ? y.to_dense() : y;
}

torch::Tensor ResNetImpl::early(const torch::Tensor& x, std::size_t blocks) {
  auto y = stem_(x).relu_();
  y = torch::max_pool2d(y, {3, 3}, {2, 2}, {1, 1});
  for (std::size_t i = 0; i < blocks; ++i) y = blocks_[i]->forward(y);
  return y;
}

torch::Tensor ResNetImpl::late(const torch::Tensor& early_map, std::size_t blocks) {
  auto y = early_map;
  for (auto i = blocks; i < blocks_.size(); ++i) y = blocks_[i]->forward(y);
  return y;
}

void ResNetImpl::load(const TensorMap& state) {
  const torch::NoGradGuard no_grad;
  auto own = named_parameters();
  for (auto& buffer : named_buffers()) {
    if (!is_passed_over(buffer.key(), arguments_.stages())) own.insert(buffer.key(), buffer.value());
  }
  for (auto& item : own) {
    const auto found = state.find(item.key());
    if (found == state.end()) {
      throw Error(ErrorCode::incompatible, fmt::format("The weights lack the tensor '{}'.", item.key()));
    }
    if (found->second.sizes() != item.value().sizes()) {
      throw Error(ErrorCode::incompatible,
                  fmt::format("The weight '{}' has the shape {}, where the network needs {}.", item.key(),
                              shape_text(found->second), shape_text(item.value())));
    }
    item.value().copy_(found->second);
  }
  for (const auto& [name, tensor] : state) {
    if (!own.contains(name) && !is_passed_over(name, arguments_.stages())) {
      throw Error(ErrorCode::incompatible,
                  fmt::format("The weights hold the tensor '{}', which the network has not.", name));
    }
  }
}

TensorMap ResNetImpl::state() const {
  TensorMap state;
  for (const auto& item : named_parameters()) state[item.key()] = item.value().detach().clone();
  for (const auto& item : named_buffers()) state[item.key()] = item.value().detach().clone();
  return state;
}

void ResNetImpl::prepare_for_inference() {
  const torch::NoGradGuard no_grad;
  eval();
  const bool is_on_cpu = stem_.conv->weight.device().is_cpu();
  is_onednn_ =
      is_on_cpu && at::globalContext().hasMKLDNN() && arguments_.instance_norm == InstanceNormVariant::none;
  for (auto* part : parts()) {
    part->fold();
    if (is_onednn_) part->use_onednn_layout();
  }
}

std::vector<ConvNorm*> ResNetImpl::parts() {
  std::vector<ConvNorm*> all{&stem_};
  for (auto& block : blocks_) {
    for (auto* part : block->parts()) all.push_back(part);
  }
  return all;
}

}  // namespace models
