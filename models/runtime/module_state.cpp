#include "models/runtime/module_state.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/nn/module.h>

#include "imaging/base/error.h"

namespace models {

using imaging::Error;
using imaging::ErrorCode;

namespace {

bool is_count_of_batches(const std::string& name) {
  return name.ends_with("num_batches_tracked");
}

}  // namespace

TensorMap network_state(const torch::nn::Module& network) {
  TensorMap state;
  for (const auto& item : network.named_parameters()) state[item.key()] = item.value().detach();
  for (const auto& item : network.named_buffers()) {
    if (!is_count_of_batches(item.key())) state[item.key()] = item.value();
  }
  return state;
}

void load_network_state(torch::nn::Module& network, const TensorMap& state) {
  auto own = network_state(network);
  for (const auto& [name, tensor] : state) {
    if (!is_count_of_batches(name) && !own.contains(name))
      throw Error(ErrorCode::incompatible,
                  fmt::format("The weights hold '{}', which the network has not.", name));
  }
  const at::NoGradGuard no_grad;
  for (auto& [name, tensor] : own) {
    const auto found = state.find(name);
    if (found == state.end())
      throw Error(ErrorCode::incompatible, fmt::format("The weights lack '{}'.", name));
    if (found->second.sizes() != tensor.sizes()) {
      throw Error(ErrorCode::incompatible,
                  fmt::format("Weight '{}' has the shape [{}]; the network needs [{}].", name,
                              fmt::join(found->second.sizes(), ", "), fmt::join(tensor.sizes(), ", ")));
    }
    tensor.copy_(found->second);
  }
}

}  // namespace models
