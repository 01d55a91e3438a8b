#pragma once

#include <torch/nn.h>

#include "models/encoders/resnet_module.h"
#include "models/retina/grader_arguments.h"
#include "models/retina/preact_resnet_module.h"

namespace models {

/// Logits of both heads. `oedema` is undefined where the network has no such head.
struct GraderLogits {
  torch::Tensor grades;  ///< [B, K]
  torch::Tensor oedema;  ///< [B, R]
};

/// Backbone, pooling and heads of a fundus grader. Tensors are named backbone.*, grade.{weight,bias},
/// oedema.{weight,bias} and, with lesion pooling, lesions.{weight,bias}: a probe that no gradient trains.
///
/// @par Threads  One caller at a time.
class GraderNetworkImpl : public torch::nn::Module {
 public:
  explicit GraderNetworkImpl(const GraderArguments& arguments);

  [[nodiscard]] const GraderArguments& arguments() const { return arguments_; }

  /// Where the network is cut in two: the number of residual blocks before the cut. At first after stage 2,
  /// where DECO mixes.
  /// @throws Error  `invalid_argument` where the network has fewer blocks.
  void set_split(std::int64_t blocks);
  /// Whether all blocks lie before the cut.
  [[nodiscard]] bool is_split_last() const { return split_ == block_count(); }
  /// Stem and the blocks before the cut.
  [[nodiscard]] torch::Tensor early(const torch::Tensor& x);
  /// @return  [B, map_channels(), h, w]
  [[nodiscard]] torch::Tensor late(const torch::Tensor& early_map);
  [[nodiscard]] torch::Tensor forward_map(const torch::Tensor& x);
  /// The means of the map; with lesion pooling then, kind by kind, of the probability p of the cells the
  /// logarithms of its mean, of the mean of the highest sixteenth and of the least of the quadrants' means.
  /// @return  [B, feature_dim()]
  [[nodiscard]] torch::Tensor pool(const torch::Tensor& map);
  [[nodiscard]] GraderLogits heads(const torch::Tensor& features);
  /// @param weight  [K, feature_dim()]; [K] likewise
  void set_grade_head(const torch::Tensor& weight, const torch::Tensor& bias);
  void set_oedema_head(const torch::Tensor& weight, const torch::Tensor& bias);
  /// Of lesion pooling. @param weight  [kinds, map_channels()]
  void set_lesion_probe(const torch::Tensor& weight, const torch::Tensor& bias);

  /// Parameters behind the cut, in the order of their names.
  [[nodiscard]] std::vector<torch::Tensor> late_parameters() const;
  /// The early part takes no gradient and keeps its running statistics. To be called after each train().
  void freeze_early();

  /// @throws Error  `incompatible` naming the first tensor that is missing, unknown or of another shape
  void load(const TensorMap& state);
  /// Fills the backbone alone. @param state  torchvision's names, or those of PreactResNet with or without
  /// "trunk."; a classifier and tensors of stage 4 that are not needed are passed over
  /// @throws Error  as load
  void load_backbone(const TensorMap& state);
  [[nodiscard]] TensorMap state() const;

  /// The network can then neither be trained nor saved.
  void prepare_for_inference();
  /// As that of the backbone.
  [[nodiscard]] bool is_onednn() const;

 private:
  [[nodiscard]] std::int64_t block_count() const;
  /// Of stem and blocks before the cut. @param name  of a tensor or module
  [[nodiscard]] bool is_early(const std::string& name) const;

  GraderArguments arguments_;
  std::int64_t split_;
  ResNet resnet_{nullptr};
  PreactResNet preact_{nullptr};
  torch::nn::Linear grade_;
  torch::nn::Linear oedema_{nullptr};
  torch::nn::Linear lesions_{nullptr};
};
TORCH_MODULE(GraderNetwork);

}  // namespace models
