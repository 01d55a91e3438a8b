#include "models/runtime/nesterov_sgd.h"

#include <fmt/format.h>
#include <torch/types.h>

#include <utility>

namespace models {
namespace {

std::string key_of(std::size_t number) {
  return fmt::format("momentum.{:05}", number);
}

}  // namespace

NesterovSgd::NesterovSgd(std::vector<at::Tensor> parameters, std::vector<double> rates, double momentum,
                         double decay)
    : parameters_(std::move(parameters)),
      rates_(std::move(rates)),
      buffers_(parameters_.size()),
      momentum_(momentum),
      decay_(decay) {}

void NesterovSgd::zero_grad() {
  for (auto& parameter : parameters_) parameter.mutable_grad() = at::Tensor();
}

void NesterovSgd::step(double factor) {
  const at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    auto& parameter = parameters_[i];
    if (!parameter.grad().defined()) continue;
    auto gradient = parameter.mutable_grad().add_(parameter, decay_);
    if (buffers_[i].defined()) {
      buffers_[i].mul_(momentum_).add_(gradient);
    } else {
      buffers_[i] = gradient.clone();
    }
    parameter.sub_(gradient.add_(buffers_[i], momentum_), rates_[i] * factor);
  }
}

void NesterovSgd::save(TensorMap& state) const {
  for (std::size_t i = 0; i < buffers_.size(); ++i) {
    if (buffers_[i].defined()) state[key_of(i)] = buffers_[i];
  }
}

void NesterovSgd::load(const TensorMap& state) {
  for (std::size_t i = 0; i < buffers_.size(); ++i) {
    const auto found = state.find(key_of(i));
    if (found != state.end()) buffers_[i] = found->second.to(parameters_[i].device()).clone();
  }
}

}  // namespace models
