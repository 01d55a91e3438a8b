#pragma once

#include "models/runtime/safetensors.h"

namespace torch::nn {
class Module;
}

namespace models {

/// Parameters and buffers by name, sharing memory with the module. Batch norms' counts of batches are left
/// out: nothing here depends on them.
[[nodiscard]] TensorMap network_state(const torch::nn::Module& network);

/// Copies a state into the module; counts of batches in it are passed over.
/// @throws imaging::Error  `incompatible` naming the first tensor that is missing, unknown or of another
/// shape
void load_network_state(torch::nn::Module& network, const TensorMap& state);

}  // namespace models
