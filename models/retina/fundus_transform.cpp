#include "models/retina/fundus_transform.h"

#include <fmt/format.h>
#include <torch/types.h>

#include <algorithm>

#include "imaging/base/error.h"

namespace models {
namespace {

using imaging::Error;
using imaging::ErrorCode;
using nlohmann::ordered_json;

constexpr std::array<double, 3> kMean{0.485, 0.456, 0.406}, kStd{0.229, 0.224, 0.225};

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorCode::corrupt_data, fmt::format("The manifest's 'transform' is not usable: {}.", what));
}

bool is_step(const ordered_json& steps, std::size_t number, const char* name) {
  return steps.is_array() && number < steps.size() && steps[number].is_object() &&
         steps[number].value("name", "") == name && steps[number].contains("arguments");
}

std::int64_t read_crop_size(const ordered_json& steps) {
  if (!is_step(steps, 0, "FieldCrop")) refuse("a fundus grader's first step must be FieldCrop with 'size'");
  const auto size = steps[0]["arguments"].value("size", ordered_json());
  if (!size.is_number_integer() || size < 16 || size > 4096)
    refuse(fmt::format("FieldCrop has the size {}, not 16 to 4096", size.dump()));
  return size.get<std::int64_t>();
}

std::vector<float> read_three(const ordered_json& arguments, const char* key) {
  const auto values = arguments.value(key, ordered_json());
  const bool fits = values.is_array() && values.size() == 3 &&
                    std::all_of(values.begin(), values.end(), [](const auto& value) {
                      return value.is_number() && value > 0 && value <= 1;
                    });
  if (!fits) {
    refuse(fmt::format("MatchField and LocalContrast need '{}', three numbers above 0 up to 1", key));
  }
  return values.get<std::vector<float>>();
}

ordered_json steps_after(const ordered_json& steps, std::size_t count) {
  ordered_json rest = ordered_json::array();
  for (std::size_t i = count; i < steps.size(); ++i) rest.push_back(steps[i]);
  return rest;
}

ordered_json steps_without_size(const ordered_json& steps) {
  ordered_json rest = ordered_json::array();
  for (const auto& step : steps) {
    const auto name = step.value("name", "");
    if (name == "ToTensor" || name == "Normalize") rest.push_back(step);
  }
  return rest;
}

/// The part of the crop that the centre crops leave.
imaging::RectD seen_part(const ordered_json& steps, std::int64_t crop_size) {
  const auto whole = static_cast<double>(crop_size);
  double side = whole;   // pixels of the picture as it is then
  double scale = 1;      // of one such pixel in pixels of the crop
  double share = whole;  // of the crop that is left
  for (const auto& step : steps) {
    const auto name = step.value("name", "");
    if (name != "Resize" && name != "CenterCrop") continue;
    const auto& size = step["arguments"]["size"];
    const auto now = (size.is_array() ? size[0] : size).get<double>();
    if (name == "Resize") {
      scale *= side / now;
    } else {
      share = now * scale;
    }
    side = now;
  }
  const double start = (whole - share) / 2;
  return {start, start, share, share};
}

/// Means over the surroundings within the field: a Gaussian of about 2.4 cells of a coarse grid.
torch::Tensor surroundings(const torch::Tensor& pictures, const torch::Tensor& fields) {
  constexpr std::int64_t kGrid = 64, kBox = 5;
  const auto blur = [](const torch::Tensor& x) {
    auto coarse = torch::adaptive_avg_pool2d(x, {kGrid, kGrid});
    for (int pass = 0; pass < 3; ++pass)
      coarse = torch::avg_pool2d(coarse, {kBox, kBox}, {1, 1}, {kBox / 2, kBox / 2});
    return coarse;
  };
  const auto means = blur(pictures * fields) / blur(fields).clamp_min(1e-3F);
  return torch::upsample_bilinear2d(means, {pictures.size(2), pictures.size(3)}, /*align_corners=*/false);
}

}  // namespace

FundusTransform::FundusTransform(const ordered_json& steps)
    : crop_size_(read_crop_size(steps)),
      rest_(
          steps_after(steps, is_step(steps, 1, "MatchField") || is_step(steps, 1, "LocalContrast") ? 2 : 1)),
      normalize_(steps_without_size(steps)),
      seen_(seen_part(steps, crop_size_)) {
  const bool is_local = is_step(steps, 1, "LocalContrast");
  if (!is_local && !is_step(steps, 1, "MatchField")) return;
  const auto& arguments = steps[1]["arguments"];
  match_ = MatchField{read_three(arguments, "mean"), read_three(arguments, "std"), is_local};
}

torch::Tensor FundusTransform::match(const torch::Tensor& given, const torch::Tensor& fields,
                                     float white) const {
  constexpr float kFloor = 1.0F / 255;
  const auto pictures = match_->is_local ? given - surroundings(given, fields) : given;
  const auto count = fields.sum({2, 3}, /*keepdim=*/true).clamp_min(1);
  const auto mean = (pictures * fields).sum({2, 3}, true) / count;
  const auto deviation =
      (((pictures - mean) * fields).square().sum({2, 3}, true) / count).sqrt().clamp_min(kFloor * white);
  const auto channels = [&](const std::vector<float>& values) {
    return torch::tensor(values, pictures.options()).view({1, 3, 1, 1}) * white;
  };
  return ((pictures - mean) / deviation * channels(match_->std) + channels(match_->mean)).clamp_(0, white) *
         fields;
}

torch::Tensor FundusTransform::apply(const torch::Tensor& pictures, const torch::Tensor& masks) const {
  if (!match_) return rest_.apply(pictures);
  constexpr float kWhite = 255;
  return rest_.apply(match(pictures.to(torch::kFloat32), (masks > 127).to(torch::kFloat32), kWhite));
}

torch::Tensor FundusTransform::finish(const torch::Tensor& pictures, const torch::Tensor& fields) const {
  // ToTensor divides by 255.
  return normalize_.apply((match_ ? match(pictures, fields, 1) : pictures) * 255);
}

ordered_json fundus_transform_steps(std::int64_t crop_size, std::int64_t input_size, std::int64_t center_crop,
                                    FieldNormalisation normalisation) {
  const auto step = [](const char* name, ordered_json arguments) {
    return ordered_json{{"name", name}, {"arguments", std::move(arguments)}};
  };
  ordered_json steps = ordered_json::array();
  steps.push_back(step("FieldCrop", {{"size", crop_size}}));
  if (normalisation == FieldNormalisation::colours)
    steps.push_back(step("MatchField", {{"mean", kMean}, {"std", {kStd[0] / 2, kStd[1] / 2, kStd[2] / 2}}}));
  if (normalisation == FieldNormalisation::contrast)
    steps.push_back(step("LocalContrast", {{"mean", kMean}, {"std", {0.1, 0.1, 0.1}}}));
  steps.push_back(step("Resize", {{"size", {input_size, input_size}}}));
  if (center_crop > 0) steps.push_back(step("CenterCrop", {{"size", center_crop}}));
  steps.push_back(step("ToTensor", ordered_json::object()));
  steps.push_back(step("Normalize", {{"mean", kMean}, {"std", kStd}}));
  return steps;
}

}  // namespace models
