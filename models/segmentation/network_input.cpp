#include "models/segmentation/network_input.h"

#include <fmt/format.h>
#include <torch/types.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "imaging/base/error.h"

namespace models {
namespace {

using imaging::ImageF;

/// [1, C, H, W], a view of the picture's own memory.
at::Tensor view_of(const ImageF& picture) {
  return torch::from_blob(const_cast<float*>(picture.data()),
                          {1, picture.height(), picture.width(), picture.channels()}, torch::kFloat32)
      .permute({0, 3, 1, 2});
}

at::Tensor channel_tensor(const std::vector<double>& values) {
  return torch::tensor(values, torch::kFloat32).view({1, -1, 1, 1});
}

}  // namespace

ImageF resized_to_side(const ImageF& picture, std::int64_t longer_side) {
  const auto longest = std::max(picture.width(), picture.height());
  const auto scaled = [&](std::int64_t side) {
    return std::max<std::int64_t>(1,
                                  std::llround(static_cast<double>(side) * static_cast<double>(longer_side) /
                                               static_cast<double>(longest)));
  };
  ImageF resized(scaled(picture.width()), scaled(picture.height()), picture.channels());
  const auto pixels = view_of(picture).contiguous();
  const std::array<std::int64_t, 2> size{resized.height(), resized.width()};
  const auto maps = longer_side < longest ? at::_upsample_bilinear2d_aa(pixels, size, /*align_corners=*/false,
                                                                        c10::nullopt, c10::nullopt)
                                          : at::upsample_bilinear2d(pixels, size, /*align_corners=*/false);
  view_of(resized).copy_(maps);
  return resized;
}

at::Tensor prepared_input(const ImageF& picture, const SegmenterFacts& facts, std::int64_t width,
                          std::int64_t height) {
  // A copy: the view of a single channel is contiguous as it is, and would outlive its picture.
  auto x = view_of(picture).clone(at::MemoryFormat::Contiguous);
  if (facts.intensity == IntensityScale::unit) x = x / 255;
  if (!facts.mean.empty()) x = (x - channel_tensor(facts.mean)) / channel_tensor(facts.std);
  if (width > picture.width() || height > picture.height())
    x = at::replication_pad2d(x, {0, width - picture.width(), 0, height - picture.height()});
  return x;
}

at::Tensor class_logits(const at::Tensor& output, const SegmenterFacts& facts, const std::string& name,
                        std::int64_t height, std::int64_t width) {
  const auto classes = static_cast<std::int64_t>(facts.class_names.size());
  const auto maps = facts.output == SegmenterOutput::sigmoid ? 1 : classes;
  if (output.dim() != 4 || output.size(1) != maps || output.size(2) != height || output.size(3) != width) {
    throw imaging::Error(
        imaging::ErrorCode::incompatible,
        fmt::format("Segmenter {} gives a tensor of shape [{}] for a picture of {} x {} px; {} of {} classes "
                    "must be [B, {}, H, W].",
                    name, fmt::join(output.sizes().begin(), output.sizes().end(), ", "), width, height,
                    facts.output == SegmenterOutput::sigmoid ? "a sigmoid" : "a softmax", classes, maps));
  }
  const auto logits = output.to(torch::kFloat32);
  return facts.output == SegmenterOutput::sigmoid ? at::cat({at::zeros_like(logits), logits}, 1) : logits;
}

}  // namespace models
