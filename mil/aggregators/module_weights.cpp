#include "mil/aggregators/module_weights.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "imaging/base/error.h"

namespace mil {
namespace {

[[noreturn]] void refuse(const std::string& message) {
  throw imaging::Error(imaging::ErrorCode::incompatible, message);
}

models::TensorMap tensors_of(const torch::nn::Module& module) {
  models::TensorMap tensors;
  for (const auto& item : module.named_parameters()) tensors[item.key()] = item.value();
  for (const auto& item : module.named_buffers()) tensors[item.key()] = item.value();
  return tensors;
}

}  // namespace

models::TensorMap weights_of(const torch::nn::Module& module) {
  auto tensors = tensors_of(module);
  for (auto& [name, tensor] : tensors)
    tensor = tensor.detach().to(at::kCPU, tensor.scalar_type(), false, /*copy=*/true);
  return tensors;
}

void load_weights(torch::nn::Module& module, const models::TensorMap& weights) {
  const at::NoGradGuard no_gradients;
  auto tensors = tensors_of(module);
  for (const auto& [name, tensor] : weights) {
    if (!tensors.contains(name))
      refuse(fmt::format("The weights hold '{}', which the architecture has not.", name));
  }
  for (auto& [name, tensor] : tensors) {
    const auto found = weights.find(name);
    if (found == weights.end()) refuse(fmt::format("The weights lack '{}'.", name));
    if (found->second.sizes() != tensor.sizes()) {
      refuse(fmt::format("Weight '{}' has the shape [{}]; the architecture needs [{}].", name,
                         fmt::join(found->second.sizes(), ", "), fmt::join(tensor.sizes(), ", ")));
    }
    tensor.copy_(found->second);
  }
}

}  // namespace mil
