#include "mil/aggregators/abmil_module.h"

namespace mil {

AbmilModule::AbmilModule(const AbmilOptions& options) : EmbeddingAggregator(options) {
  imaging::check_options(options);
  attention = register_module("attention", std::make_shared<AttentionScorer>(AttentionScorer::Options{
                                               .embed_dim = options.embed_dim,
                                               .attention_dim = options.attention_dim,
                                               .score_count = 1,
                                               .gated = options.gated,
                                               .has_bias = options.attention_bias,
                                               .activation = options.attention_activation,
                                               .dropout = options.attention_dropout}));
  classifier = register_module("classifier", make_linear(options.embed_dim, options.class_count));
  if (options.initialisation == "xavier") initialise_xavier(*this);
}

AggregatorOutput AbmilModule::forward(const at::Tensor& features) {
  const auto embedded = embed(features);
  AggregatorOutput output;
  output.raw_scores = attention->forward(embedded);
  output.scores = output.raw_scores.softmax(0);
  output.embedding = at::mm(output.scores.t(), embedded);
  output.logits = classifier->forward(output.embedding).squeeze(0);
  output.mask_scores = output.scores.t();
  return output;
}

AggregatorOutput AbmilModule::infer(const at::Tensor& features) {
  const c10::InferenceMode guard;
  const auto pooled = pool_in_chunks(features.size(0), 1, shape().embed_dim, device(),
                                     [&](std::int64_t first, std::int64_t rows) {
                                       const auto embedded = infer_rows(features, first, rows);
                                       return ScoredRows{embedded, attention->infer(embedded)};
                                     });
  AggregatorOutput output;
  output.raw_scores = pooled.raw_scores;
  output.scores = output.raw_scores.softmax(0);
  output.embedding = pooled.pooled;
  output.logits = apply_linear(output.embedding, classifier).squeeze(0);
  output.mask_scores = output.scores.t();
  return output;
}

}  // namespace mil
