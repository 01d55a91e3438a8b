#include "models/segmentation/unet_module.h"

#include <fmt/format.h>

#include "imaging/base/error.h"

namespace models {
namespace {

namespace nn = torch::nn;
using imaging::Error;
using imaging::ErrorCode;
using nlohmann::ordered_json;

ConvNorm make_part(std::int64_t in, std::int64_t out, bool is_mixed) {
  ConvNorm part;
  part.conv = nn::Conv2d(nn::Conv2dOptions(in, out, 3).padding(1).bias(false));
  if (is_mixed) {
    part.mixed = InstanceBatchNorm(out);
  } else {
    part.norm = nn::BatchNorm2d(out);
  }
  return part;
}

std::shared_ptr<nn::Module> norm_of(const ConvNorm& part) {
  if (part.norm) return part.norm.ptr();
  return part.mixed.ptr();
}

}  // namespace

UNetArguments unet_arguments_from_json(const ordered_json& arguments) {
  UNetArguments found;
  const auto refuse = [&](const std::string& key) {
    throw Error(ErrorCode::incompatible,
                fmt::format("The architecture argument '{}' is {}, which unet does not take.", key,
                            arguments[key].dump()));
  };
  for (const auto& [key, value] : arguments.items()) {
    if (key == "widths") {
      if (!value.is_array() || value.size() < 2 || value.size() > 8) refuse(key);
      found.widths.clear();
      for (const auto& width : value) {
        if (!width.is_number_integer() || width < 2 || width > 4096) refuse(key);
        found.widths.push_back(width);
      }
    } else if (key == "ibn") {
      if (value != "none" && value != "a") refuse(key);
      found.has_instance_norm = value == "a";
    } else if (key != "depth") {
      refuse(key);
    }
  }
  if (arguments.contains("depth") && arguments["depth"] != found.depth()) refuse("depth");
  return found;
}

ordered_json unet_arguments_to_json(const UNetArguments& arguments) {
  return {{"depth", arguments.depth()},
          {"widths", arguments.widths},
          {"ibn", arguments.has_instance_norm ? "a" : "none"}};
}

DoubleConvImpl::DoubleConvImpl(std::int64_t in, std::int64_t out, bool has_instance_norm)
    : first_(make_part(in, out, has_instance_norm)), second_(make_part(out, out, false)) {
  register_module("conv1", first_.conv);
  register_module("bn1", norm_of(first_));
  register_module("conv2", second_.conv);
  register_module("bn2", norm_of(second_));
}

torch::Tensor DoubleConvImpl::forward(const torch::Tensor& x) {
  return second_(first_(x).relu_()).relu_();
}

void DoubleConvImpl::fold() {
  first_.fold();
  second_.fold();
}

UNetImpl::UNetImpl(const UNetArguments& arguments, std::int64_t channels, std::int64_t maps) {
  const auto levels = arguments.widths.size();
  for (std::size_t level = 0; level < levels; ++level) {
    const bool is_deepest = level + 1 == levels;
    down_.push_back(
        register_module(fmt::format("down{}", level),
                        DoubleConv(level == 0 ? channels : arguments.widths[level - 1],
                                   arguments.widths[level], arguments.has_instance_norm && !is_deepest)));
  }
  for (auto level = levels - 1; level-- > 0;) {
    const auto width = arguments.widths[level];
    enlarge_.push_back(register_module(
        fmt::format("enlarge{}", level),
        nn::ConvTranspose2d(nn::ConvTranspose2dOptions(arguments.widths[level + 1], width, 2).stride(2))));
    up_.push_back(register_module(fmt::format("up{}", level), DoubleConv(2 * width, width, false)));
  }
  head_ = register_module("head", nn::Conv2d(nn::Conv2dOptions(arguments.widths.front(), maps, 1)));
}

torch::Tensor UNetImpl::forward(const torch::Tensor& x) {
  std::vector<torch::Tensor> skips;
  auto y = x;
  for (std::size_t level = 0; level < down_.size(); ++level) {
    if (level > 0) y = torch::max_pool2d(y, 2);
    y = down_[level]->forward(y);
    skips.push_back(y);
  }
  skips.pop_back();  // y itself
  // One step at a time: whatever is named lives until it is named anew, and these are the largest maps.
  for (std::size_t i = 0; i < up_.size(); ++i) {
    y = enlarge_[i]->forward(y);
    y = torch::cat({skips.back(), y}, 1);
    skips.pop_back();
    y = up_[i]->forward(y);
  }
  return head_->forward(y);
}

void UNetImpl::prepare_for_inference() {
  eval();
  const torch::NoGradGuard no_grad;
  for (auto& part : down_) part->fold();
  for (auto& part : up_) part->fold();
}

}  // namespace models
