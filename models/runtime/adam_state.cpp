#include "models/runtime/adam_state.h"

#include <fmt/format.h>
#include <torch/optim/adam.h>

#include "imaging/base/error.h"

namespace models {
namespace {

using State = torch::optim::AdamParamState;

template <typename Visit>
void for_each_parameter(const torch::optim::Adam& optimizer, Visit&& visit) {
  std::size_t number = 0;
  for (const auto& group : optimizer.param_groups()) {
    for (const auto& parameter : group.params()) visit(parameter, number++);
  }
}

}  // namespace

void save_adam(const torch::optim::Adam& optimizer, TensorMap& state, const std::string& prefix) {
  for_each_parameter(optimizer, [&](const at::Tensor& parameter, std::size_t number) {
    const auto found = optimizer.state().find(c10::guts::to_string(parameter.unsafeGetTensorImpl()));
    if (found == optimizer.state().end()) return;  // never stepped
    const auto& own = static_cast<const State&>(*found->second);
    state[fmt::format("{}{}.mean", prefix, number)] = own.exp_avg().clone();
    state[fmt::format("{}{}.square", prefix, number)] = own.exp_avg_sq().clone();
    state[fmt::format("{}{}.step", prefix, number)] = at::scalar_tensor(own.step(), at::kLong);
  });
}

void load_adam(torch::optim::Adam& optimizer, const TensorMap& state, const std::string& prefix) {
  for_each_parameter(optimizer, [&](const at::Tensor& parameter, std::size_t number) {
    const auto mean = state.find(fmt::format("{}{}.mean", prefix, number));
    if (mean == state.end()) return;  // had never stepped
    const auto square = state.find(fmt::format("{}{}.square", prefix, number));
    const auto step = state.find(fmt::format("{}{}.step", prefix, number));
    if (square == state.end() || step == state.end() || mean->second.sizes() != parameter.sizes()) {
      throw imaging::Error(imaging::ErrorCode::incompatible,
                           fmt::format("The stored training state has no fitting '{}{}'.", prefix, number));
    }
    auto own = std::make_unique<State>();
    own->exp_avg(mean->second.to(parameter.device()));
    own->exp_avg_sq(square->second.to(parameter.device()));
    own->step(step->second.item<std::int64_t>());
    optimizer.state()[c10::guts::to_string(parameter.unsafeGetTensorImpl())] = std::move(own);
  });
}

}  // namespace models
