#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>

#include <cstdint>

namespace mil {

/// The head that contrastive losses look through: Linear(D, D), ReLU, Linear(D, P), rows of length 1. Not
/// part of a package.
class ProjectionModule : public torch::nn::Module {
 public:
  ProjectionModule(std::int64_t input_dim, std::int64_t output_dim);

  /// @param rows  [B, D]
  /// @return      [B, P], L2-normalised
  [[nodiscard]] at::Tensor forward(const at::Tensor& rows);

  torch::nn::Linear hidden{nullptr}, output{nullptr};
};

}  // namespace mil
