#include "models/encoders/tile_transform.h"

#include <fmt/format.h>
#include <torch/types.h>

#include <cmath>
#include <string>

#include "imaging/base/error.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using nlohmann::ordered_json;

constexpr std::int64_t kMaxSide = 8192;

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorCode::corrupt_data, fmt::format("The manifest's 'transform' is not usable: {}.", what));
}

bool is_side(const ordered_json& value) {
  return value.is_number_integer() && value.get<std::int64_t>() >= 1 && value.get<std::int64_t>() <= kMaxSide;
}

/// {height, width}; the width is 0 where only one number is given.
std::pair<std::int64_t, std::int64_t> read_size(const std::string& step, const ordered_json& arguments) {
  const auto size = arguments.find("size");
  if (size != arguments.end()) {
    if (is_side(*size)) return {size->get<std::int64_t>(), 0};
    if (size->is_array() && size->size() == 1 && is_side((*size)[0]))
      return {(*size)[0].get<std::int64_t>(), 0};
    if (size->is_array() && size->size() == 2 && is_side((*size)[0]) && is_side((*size)[1])) {
      return {(*size)[0].get<std::int64_t>(), (*size)[1].get<std::int64_t>()};
    }
  }
  refuse(fmt::format("{} needs 'size', a whole number from 1 to {} or two of them", step, kMaxSide));
}

std::vector<float> read_channels(const ordered_json& arguments, const char* key, bool is_divisor) {
  std::vector<float> values;
  const auto found = arguments.find(key);
  if (found != arguments.end() && found->is_array() && found->size() == 3) {
    for (const auto& value : *found) {
      if (value.is_number() && !(is_divisor && value.get<float>() <= 0)) values.push_back(value.get<float>());
    }
  }
  if (values.size() != 3)
    refuse(fmt::format("Normalize needs '{}', three {}", key, is_divisor ? "numbers above 0" : "numbers"));
  return values;
}

}  // namespace

TileTransform::TileTransform(const ordered_json& steps) {
  bool is_scaled = false;
  for (const auto& step : steps) {
    if (!step.is_object() || !step.contains("name") || !step["name"].is_string())
      refuse("a step has no 'name'");
    const auto name = step["name"].get<std::string>();
    const auto arguments = step.value("arguments", ordered_json::object());
    if (!arguments.is_object()) refuse(fmt::format("the arguments of {} are no object", name));
    if (name == "Resize") {
      const auto [height, width] = read_size(name, arguments);
      const auto interpolation = arguments.value("interpolation", ordered_json("bilinear"));
      if (interpolation != "bilinear" && interpolation != "bicubic") {
        refuse(fmt::format("Resize has the interpolation {}, not bilinear or bicubic", interpolation.dump()));
      }
      steps_.emplace_back(Resize{height, width, interpolation == "bicubic"});
    } else if (name == "CenterCrop") {
      const auto [height, width] = read_size(name, arguments);
      steps_.emplace_back(CenterCrop{height, width == 0 ? height : width});
    } else if (name == "ToTensor") {
      if (is_scaled) refuse("ToTensor stands twice");
      is_scaled = true;
      steps_.emplace_back(ToTensor{});
    } else if (name == "Normalize") {
      if (!is_scaled) refuse("Normalize stands before ToTensor");
      steps_.emplace_back(
          Normalize{read_channels(arguments, "mean", false), read_channels(arguments, "std", true)});
    } else {
      refuse(
          fmt::format("the step '{}' is unknown; known are Resize, CenterCrop, ToTensor, Normalize", name));
    }
  }
  if (!is_scaled) refuse("ToTensor is missing");
}

torch::Tensor TileTransform::resize(const torch::Tensor& tiles, const Resize& step, bool is_scaled) {
  auto height = step.height;
  auto width = step.width;
  if (width == 0) {
    const auto short_side = std::min(tiles.size(2), tiles.size(3));
    // torchvision truncates the longer side.
    height = step.height * tiles.size(2) / short_side;
    width = step.height * tiles.size(3) / short_side;
  }
  if (height == tiles.size(2) && width == tiles.size(3)) return tiles;
  const auto resized = step.is_bicubic
                           ? at::_upsample_bicubic2d_aa(tiles, {height, width}, /*align_corners=*/false)
                           : at::_upsample_bilinear2d_aa(tiles, {height, width}, /*align_corners=*/false);
  // On 8-bit images torchvision rounds back to whole grey levels.
  return is_scaled ? resized : resized.round_().clamp_(0, 255);
}

torch::Tensor TileTransform::apply(const torch::Tensor& tiles) const {
  auto x = tiles.to(torch::kFloat32);
  bool is_scaled = false;
  for (const auto& step : steps_) {
    if (const auto* size = std::get_if<Resize>(&step)) {
      x = resize(x, *size, is_scaled);
    } else if (const auto* crop = std::get_if<CenterCrop>(&step)) {
      if (crop->height > x.size(2) || crop->width > x.size(3)) {
        throw Error(ErrorCode::incompatible,
                    fmt::format("Tiles of {} x {} px are smaller than the encoder's crop of {} x {} px.",
                                x.size(3), x.size(2), crop->width, crop->height));
      }
      // As torchvision: the odd pixel goes by rounding half to even.
      const auto top = std::lrint(static_cast<double>(x.size(2) - crop->height) / 2.0);
      const auto left = std::lrint(static_cast<double>(x.size(3) - crop->width) / 2.0);
      x = x.slice(2, top, top + crop->height).slice(3, left, left + crop->width);
    } else if (const auto* normalize = std::get_if<Normalize>(&step)) {
      const auto channels = [&](const std::vector<float>& values) {
        return torch::tensor(values, x.options()).view({1, 3, 1, 1});
      };
      x = (x - channels(normalize->mean)).div_(channels(normalize->std));
    } else {
      x = x.div(255);
      is_scaled = true;
    }
  }
  return x.contiguous();
}

}  // namespace models
