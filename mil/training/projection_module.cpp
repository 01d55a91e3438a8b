#include "mil/training/projection_module.h"

#include <torch/nn/functional.h>

namespace mil {

ProjectionModule::ProjectionModule(std::int64_t input_dim, std::int64_t output_dim) {
  hidden = register_module("hidden", torch::nn::Linear(input_dim, input_dim));
  output = register_module("output", torch::nn::Linear(input_dim, output_dim));
}

at::Tensor ProjectionModule::forward(const at::Tensor& rows) {
  namespace F = torch::nn::functional;
  return F::normalize(output->forward(hidden->forward(rows).relu()), F::NormalizeFuncOptions().p(2).dim(1));
}

}  // namespace mil
