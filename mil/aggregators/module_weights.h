#pragma once

#include "mil/aggregators/aggregator_module.h"
#include "models/runtime/safetensors.h"

namespace mil {

/// Copies of all parameters and buffers, by name, on the CPU.
[[nodiscard]] models::TensorMap weights_of(const torch::nn::Module& module);

/// Fills a module's parameters and buffers.
/// @throws imaging::Error  `incompatible` on a missing, surplus or differently shaped tensor, naming it.
void load_weights(torch::nn::Module& module, const models::TensorMap& weights);

}  // namespace mil
