#include "mil/aggregators/module_weights.h"

#include "models/runtime/module_state.h"

namespace mil {

models::TensorMap weights_of(const torch::nn::Module& module) {
  auto tensors = models::network_state(module);
  for (auto& [name, tensor] : tensors)
    tensor = tensor.to(at::kCPU, tensor.scalar_type(), false, /*copy=*/true);
  return tensors;
}

void load_weights(torch::nn::Module& module, const models::TensorMap& weights) {
  models::load_network_state(module, weights);
}

}  // namespace mil
