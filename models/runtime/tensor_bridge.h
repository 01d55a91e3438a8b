#pragma once

#include <torch/types.h>

#include <span>

#include "imaging/base/image.h"

namespace models {

/// @param images  of one size, RGB8, at least one
/// @return        [B, 3, H, W] uint8 on the CPU; a copy
/// @throws Error  `invalid_argument` if there is none, sizes differ or an image is not RGB
[[nodiscard]] torch::Tensor tensor_from_images(std::span<const imaging::Image8> images);

/// @param tensor  [C, H, W] uint8, any device
/// @throws Error  `invalid_argument` on another rank or type
[[nodiscard]] imaging::Image8 image_from_tensor(const torch::Tensor& tensor);

}  // namespace models
