#pragma once

#include <string>
#include <vector>

#include "models/runtime/safetensors.h"

namespace models {

/// SGD with Nesterov momentum and L2 penalty: g = gradient + decay p; b = momentum b + g (the first time b =
/// g); p -= rate (g + momentum b). The same steps as torch's own, with a state that can be kept.
///
/// @par Threads  One caller at a time.
/// @par Reference  [sutskever2013]
class NesterovSgd {
 public:
  /// @param rates  of each parameter
  NesterovSgd(std::vector<at::Tensor> parameters, std::vector<double> rates, double momentum, double decay);

  void zero_grad();
  /// @param factor  of all rates, as a schedule gives it. Parameters without a gradient are left as they are.
  void step(double factor = 1);

  /// Adds the momentum of each parameter to `state`, by its number.
  void save(TensorMap& state) const;
  void load(const TensorMap& state);

 private:
  std::vector<at::Tensor> parameters_;
  std::vector<double> rates_;
  std::vector<at::Tensor> buffers_;
  double momentum_, decay_;
};

}  // namespace models
