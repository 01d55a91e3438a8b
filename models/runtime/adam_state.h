#pragma once

#include <string>

#include "models/runtime/safetensors.h"

namespace torch::optim {
class Adam;
}

namespace models {

/// Adam's moments and step counts under `prefix`, by the order of the parameters, so that a run that
/// was stopped goes on with the same bits.
void save_adam(const torch::optim::Adam& optimizer, TensorMap& state, const std::string& prefix);

/// @throws imaging::Error  `incompatible` where the stored moments are not those of these parameters.
void load_adam(torch::optim::Adam& optimizer, const TensorMap& state, const std::string& prefix);

}  // namespace models
