#pragma once

#include <cstdint>

#include "models/adaptation/channel_statistics.h"

namespace models {

/// K pairs of statistics of one batch-norm layer, [K, C] each, that follow the images they see.
using NormComponents = ChannelStatistics;

/// Components whose mixture has the source's mean and variance in expectation: means around the source's,
/// spread by `noise`, variances half of it. With one component the source's own.
/// @param noise  [K, C] standard normal
/// @par Reference  [tomar2024], its code
[[nodiscard]] NormComponents make_components(const ChannelStatistics& source, const at::Tensor& noise);

/// 1 - (1 - layer_momentum)^(batch_size / largest_batch): what one batch of this size moves the components.
/// @param largest_batch  64; 16 for large images
[[nodiscard]] double unmix_momentum(std::int64_t batch_size, std::int64_t largest_batch,
                                    double layer_momentum = 0.1);

/// Normalises every image by statistics of its own: the mean of the components, each drawn towards the image
/// by its similarity (softmax of the cosine of channel means over 0.07, without gradient). With one component
/// this is instance normalisation.
///
/// @param x         [B, C, H, W]
/// @param momentum  how far the components move afterwards, all by their similarity; 0 leaves them (`frozen`)
/// @par Reference   [tomar2024], its code: the variance term p (1 - p)(u - M)^2 is left out there, as here
[[nodiscard]] at::Tensor unmix_normalise(const at::Tensor& x, NormComponents& components,
                                         const SourceNorm& source, double momentum);

}  // namespace models
