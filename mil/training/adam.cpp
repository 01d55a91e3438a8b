#include "mil/training/adam.h"

#include <fmt/format.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>

#include "imaging/base/error.h"

namespace mil {
namespace {

/// Numbers that stay in the cache from one operation to the next; torch wakes no second thread for so few.
constexpr std::int64_t kBlockCpu = 1 << 14;

}  // namespace

FlatParameters::FlatParameters(const std::vector<at::Tensor>& parameters) {
  const at::NoGradGuard no_gradients;
  std::vector<at::Tensor> rows;
  for (const auto& parameter : parameters) rows.push_back(parameter.detach().reshape({-1}));
  values = at::cat(rows);
  gradients = at::zeros_like(values);
  std::int64_t first = 0;
  for (auto parameter : parameters) {
    const auto count = parameter.numel();
    const auto sizes = parameter.sizes().vec();
    parameter.set_data(values.narrow(0, first, count).view(sizes));
    parameter.mutable_grad() = gradients.narrow(0, first, count).view(sizes);
    first += count;
  }
}

Adam::Adam(const std::vector<at::Tensor>& parameters, double weight_decay, double beta1, double beta2)
    : parameters_(parameters),
      mean_(at::zeros_like(parameters_.values)),
      square_(at::zeros_like(parameters_.values)),
      weight_decay_(weight_decay),
      beta1_(beta1),
      beta2_(beta2) {}

void Adam::zero_gradients() {
  parameters_.gradients.zero_();
}

void Adam::step(double learning_rate) {
  constexpr double kEpsilon = 1e-8;
  const at::NoGradGuard no_gradients;
  ++step_;
  const auto correction1 = 1 - std::pow(beta1_, static_cast<double>(step_));
  const auto correction2 = 1 - std::pow(beta2_, static_cast<double>(step_));
  const auto count = parameters_.values.numel();
  const auto block = parameters_.values.is_cpu() ? kBlockCpu : count;
  for (std::int64_t first = 0; first < count; first += block) {
    const auto part = [&](const at::Tensor& whole) {
      return whole.narrow(0, first, std::min(block, count - first));
    };
    const auto values = part(parameters_.values);
    const auto gradients = part(parameters_.gradients).add_(values, weight_decay_);
    const auto mean = part(mean_).lerp_(gradients, 1 - beta1_);
    const auto square = part(square_).mul_(beta2_).addcmul_(gradients, gradients, 1 - beta2_);
    const auto scale = square.sqrt().div_(std::sqrt(correction2)).add_(kEpsilon);
    values.addcdiv_(mean, scale, -learning_rate / correction1);
  }
}

void Adam::save(models::TensorMap& state, const std::string& prefix) const {
  state[prefix + "mean"] = mean_.clone();
  state[prefix + "square"] = square_.clone();
  state[prefix + "step"] = at::scalar_tensor(step_, at::kLong);
}

void Adam::load(const models::TensorMap& state, const std::string& prefix) {
  const auto entry = [&](const char* name, at::IntArrayRef sizes) {
    const auto found = state.find(prefix + name);
    if (found == state.end() || found->second.sizes() != sizes) {
      throw imaging::Error(imaging::ErrorCode::incompatible,
                           fmt::format("The stored training state has no fitting '{}{}'.", prefix, name));
    }
    return found->second;
  };
  mean_.copy_(entry("mean", mean_.sizes()));
  square_.copy_(entry("square", square_.sizes()));
  step_ = entry("step", {}).item<std::int64_t>();
}

models::TensorMap tensors_under(const models::TensorMap& state, const std::string& prefix) {
  models::TensorMap found;
  for (auto entry = state.lower_bound(prefix); entry != state.end() && entry->first.starts_with(prefix);
       ++entry) {
    found.emplace(entry->first.substr(prefix.size()), entry->second);
  }
  return found;
}

}  // namespace mil
