#include "mil/aggregators/clam_module.h"

#include <torch/nn/functional/loss.h>

#include <algorithm>
#include <cmath>

namespace mil {

at::Tensor smooth_svm_loss(const at::Tensor& scores, const at::Tensor& labels) {
  constexpr double kHardRatio = 1000;
  const auto column = labels.unsqueeze(1);
  const auto margins =
      scores + at::ones_like(scores).scatter(1, column, 0.0) - scores.gather(1, column);  // [N, C]
  const auto top = std::get<0>(scores.detach().topk(2, 1));
  const auto is_hard = (top.select(1, 0) - top.select(1, 1)) >= std::log(kHardRatio);
  return at::where(is_hard, std::get<0>(margins.max(1)), margins.logsumexp(1)).mean();
}

ClamModule::ClamModule(const ClamOptions& options, Branches branches)
    : EmbeddingAggregator(options), options_(options), branches_(branches) {
  imaging::check_options(options);
  attention = register_module("attention", std::make_shared<AttentionScorer>(AttentionScorer::Options{
                                               .embed_dim = options.embed_dim,
                                               .attention_dim = options.attention_dim,
                                               .score_count = score_count(),
                                               .gated = options.gated,
                                               .has_bias = true,
                                               .activation = "tanh",
                                               .dropout = options.attention_dropout}));
  classifier = register_module("classifier", make_linear(options.embed_dim, options.class_count));
  instance_classifiers = register_module("instance_classifiers", torch::nn::ModuleList());
  for (std::int64_t c = 0; c < options.class_count; ++c)
    instance_classifiers->push_back(make_linear(options.embed_dim, 2));
  if (options.initialisation == "xavier") initialise_xavier(*this);
}

/// @param pooled  [K, D]  @return [C]
at::Tensor ClamModule::classify(const at::Tensor& pooled) const {
  if (branches_ == Branches::single)
    return at::linear(pooled, classifier->weight, classifier->bias).squeeze(0);
  return (pooled * classifier->weight).sum(1) + classifier->bias;
}

AggregatorOutput ClamModule::forward(const at::Tensor& features) {
  AggregatorOutput output;
  output.embedded = embed(features);
  output.raw_scores = attention->forward(output.embedded);
  output.scores = output.raw_scores.softmax(0);
  output.embedding = at::mm(output.scores.t(), output.embedded);
  output.logits = classify(output.embedding);
  return output;
}

AggregatorOutput ClamModule::infer(const at::Tensor& features) {
  const c10::InferenceMode guard;
  const auto pooled = pool_in_chunks(features.size(0), score_count(), shape().embed_dim, device(),
                                     [&](std::int64_t first, std::int64_t rows) {
                                       const auto embedded = infer_rows(features, first, rows);
                                       return ScoredRows{embedded, attention->infer(embedded)};
                                     });
  AggregatorOutput output;
  output.raw_scores = pooled.raw_scores;
  output.scores = output.raw_scores.softmax(0);
  output.embedding = pooled.pooled;
  output.logits = classify(output.embedding);
  return output;
}

ClamModule::InstanceBranch ClamModule::instance_branch(const AggregatorOutput& output, std::int64_t label) {
  const auto count = std::min(options_.instances, output.embedded.size(0));
  const auto to_long = output.embedded.options().dtype(at::kLong).requires_grad(false);
  std::vector<at::Tensor> logits, targets, losses;
  for (std::int64_t c = 0; c < options_.class_count; ++c) {
    if (c != label && !options_.subtyping) continue;
    const auto scores = output.raw_scores.detach().select(1, branches_ == Branches::single ? 0 : c);
    auto ids = std::get<1>(scores.topk(count));
    auto target = at::full({count}, c == label ? 1 : 0, to_long);
    if (c == label) {
      ids = at::cat({ids, std::get<1>(scores.topk(count, 0, /*largest=*/false))});
      target = at::cat({target, at::zeros({count}, to_long)});
    }
    const auto& judge = *instance_classifiers[static_cast<std::size_t>(c)]->as<torch::nn::Linear>();
    logits.push_back(at::linear(output.embedded.index_select(0, ids), judge.weight, judge.bias));
    targets.push_back(target);
    losses.push_back(options_.instance_loss == "svm" ? smooth_svm_loss(logits.back(), target)
                                                     : at::cross_entropy_loss(logits.back(), target));
  }
  const double divisor = options_.subtyping ? static_cast<double>(options_.class_count) : 1.0;
  return {at::cat(logits), at::cat(targets), at::stack(losses).sum() / divisor};
}

at::Tensor ClamModule::loss(const AggregatorOutput& output, std::int64_t label, const LogitLoss& logit_loss) {
  const auto bag = logit_loss(output.logits, label);
  if (options_.instance_weight == 0) return bag;
  return (1 - options_.instance_weight) * bag +
         options_.instance_weight * instance_branch(output, label).loss;
}

}  // namespace mil
