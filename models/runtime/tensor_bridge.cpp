#include "models/runtime/tensor_bridge.h"

#include <fmt/format.h>

#include <cstring>

#include "imaging/base/error.h"

namespace models {

using imaging::Error;
using imaging::ErrorCode;

torch::Tensor tensor_from_images(std::span<const imaging::Image8> images) {
  if (images.empty()) throw Error(ErrorCode::invalid_argument, "A batch of images is empty.");
  const auto& first = images.front();
  const auto interleaved = torch::empty(
      {static_cast<std::int64_t>(images.size()), first.height(), first.width(), 3}, torch::kUInt8);
  auto* target = interleaved.data_ptr<std::uint8_t>();
  for (const auto& image : images) {
    if (image.empty() || image.channels() != 3 || image.width() != first.width() ||
        image.height() != first.height()) {
      throw Error(
          ErrorCode::invalid_argument,
          fmt::format(
              "A batch of images holds one of {} x {} x {} beside one of {} x {}; all must be RGB and "
              "of one size.",
              image.width(), image.height(), image.channels(), first.width(), first.height()));
    }
    std::memcpy(target, image.data(), image.bytes());
    target += image.bytes();
  }
  return interleaved.permute({0, 3, 1, 2}).contiguous();
}

imaging::Image8 image_from_tensor(const torch::Tensor& tensor) {
  if (tensor.dim() != 3 || tensor.scalar_type() != torch::kUInt8) {
    throw Error(ErrorCode::invalid_argument, "An image is made from a tensor [C, H, W] of type uint8.");
  }
  const auto interleaved = tensor.to(torch::kCPU).permute({1, 2, 0}).contiguous();
  imaging::Image8 image(tensor.size(2), tensor.size(1), static_cast<int>(tensor.size(0)));
  std::memcpy(image.data(), interleaved.data_ptr(), image.bytes());
  return image;
}

}  // namespace models
