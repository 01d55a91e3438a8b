#pragma once

#include <cstdint>
#include <string>

#include "imaging/base/image.h"
#include "models/segmentation/segmenter_facts.h"

namespace at {
class Tensor;
}

namespace models {

[[nodiscard]] constexpr std::int64_t rounded_up(std::int64_t value, std::int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

/// Resizes a picture to a longer side: bilinear, with antialiasing where it shrinks.
[[nodiscard]] imaging::ImageF resized_to_side(const imaging::ImageF& picture, std::int64_t longer_side);

/// What the network takes: intensity scale, mean and deviation applied, edges repeated up to the size.
/// @param width, height  at least the picture's
/// @return  [1, C, height, width] float32
[[nodiscard]] at::Tensor prepared_input(const imaging::ImageF& picture, const SegmenterFacts& facts,
                                        std::int64_t width, std::int64_t height);

/// The network's output as logits over the classes: one sigmoid map z becomes (0, z), whose softmax is the
/// same.
/// @return  [B, K, height, width] float32
/// @throws Error  `incompatible` on another shape
[[nodiscard]] at::Tensor class_logits(const at::Tensor& output, const SegmenterFacts& facts,
                                      const std::string& name, std::int64_t height, std::int64_t width);

}  // namespace models
