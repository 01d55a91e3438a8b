#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mil/aggregators/aggregator_module.h"
#include "models/runtime/safetensors.h"

namespace mil {

/// A network's parameters and gradients, each moved into one buffer of which they stay views: what runs over
/// all of them (an optimiser, an average, a sum over processes) is one pass.
///
/// Make it after the network is on its device; moving the network afterwards parts them again.
struct FlatParameters {
  explicit FlatParameters(const std::vector<at::Tensor>& parameters);

  at::Tensor values;     ///< [P]
  at::Tensor gradients;  ///< [P], zero at first
};

/// Adam with L2 weight decay added to the gradient [kingma2015], as torch::optim::Adam, over one buffer.
class Adam {
 public:
  /// @param parameters  they and their gradients move into one buffer
  Adam(const std::vector<at::Tensor>& parameters, double weight_decay, double beta1 = 0.9,
       double beta2 = 0.999);

  [[nodiscard]] FlatParameters& parameters() { return parameters_; }
  void zero_gradients();
  void step(double learning_rate);

  /// Under `prefix`: mean, square and step. @throws imaging::Error `incompatible` on another shape.
  void save(models::TensorMap& state, const std::string& prefix) const;
  void load(const models::TensorMap& state, const std::string& prefix);

 private:
  FlatParameters parameters_;
  at::Tensor mean_, square_;  ///< of the gradients, [P]
  double weight_decay_, beta1_, beta2_;
  std::int64_t step_ = 0;
};

/// The tensors of `state` whose names start with `prefix`, without it.
[[nodiscard]] models::TensorMap tensors_under(const models::TensorMap& state, const std::string& prefix);

}  // namespace mil
