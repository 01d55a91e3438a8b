#pragma once

#include <torch/nn/modules/container/modulelist.h>

#include "mil/aggregators/clam_options.h"
#include "mil/aggregators/layers_module.h"

namespace mil {

/// Smooth top-1 SVM of two or more classes, alpha 1, tau 1: the mean over rows of log sum_j exp(x_j + [j !=
/// y] - x_y), or of its limit, the hinge, in rows whose two largest scores are ln 1000 or more apart.
/// @param scores  [N, C]
/// @param labels  [N] int64
/// @par Reference  [berrada2018]
[[nodiscard]] at::Tensor smooth_svm_loss(const at::Tensor& scores, const at::Tensor& labels);

/// CLAM with one attention branch (SB) or one per class (MB), and instance classifiers that learn from the
/// tiles of highest and lowest attention.
///
/// Parameters by name: embedding [D, F], attention.{a,b,c} with biases and tanh, classifier [C, D] (row c of
/// MB's judges pooled row c), instance_classifiers.c [2, D].
/// Where a bag has fewer tiles than the instance branch asks for, it takes those there are; the official code
/// throws.
///
/// @par Reference  [lu2021]
class ClamModule : public EmbeddingAggregator {
 public:
  enum class Branches { single, multiple };

  /// @throws imaging::Error  `invalid_argument` if an option is out of range.
  ClamModule(const ClamOptions& options, Branches branches);

  [[nodiscard]] AggregatorOutput forward(const at::Tensor& features) override;
  [[nodiscard]] AggregatorOutput infer(const at::Tensor& features) override;
  [[nodiscard]] std::string score_kind() const override { return "attention"; }
  [[nodiscard]] std::int64_t embedding_size() const override { return score_count() * shape().embed_dim; }

  /// (1 - instance_weight) of the bag's loss and instance_weight of the instances'.
  /// @param output  of `forward`
  [[nodiscard]] at::Tensor loss(const AggregatorOutput& output, std::int64_t label,
                                const LogitLoss& logit_loss) override;

  /// What the instance classifiers are asked: their logits and targets, class by class, highest attention
  /// first.
  struct InstanceBranch {
    at::Tensor logits;   ///< [M, 2]
    at::Tensor targets;  ///< [M] int64
    at::Tensor loss;     ///< summed over classes; with subtyping divided by their number
  };
  [[nodiscard]] InstanceBranch instance_branch(const AggregatorOutput& output, std::int64_t label);

  std::shared_ptr<AttentionScorer> attention;
  torch::nn::Linear classifier{nullptr};
  torch::nn::ModuleList instance_classifiers;

 private:
  [[nodiscard]] std::int64_t score_count() const {
    return branches_ == Branches::single ? 1 : shape().class_count;
  }
  [[nodiscard]] at::Tensor classify(const at::Tensor& pooled) const;

  ClamOptions options_;
  Branches branches_;
};

}  // namespace mil
