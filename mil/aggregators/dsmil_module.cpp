#include "mil/aggregators/dsmil_module.h"

#include <cmath>

namespace mil {
namespace {

at::Tensor apply_with_gradient(const at::Tensor& input, const torch::nn::Linear& layer) {
  return at::linear(input, layer->weight, layer->bias);
}

at::Tensor apply_without(const at::Tensor& input, const torch::nn::Linear& layer) {
  return apply_linear(input, layer);
}

at::Tensor largest_logits(const AggregatorOutput& output) {
  return std::get<0>(output.instance_logits.max(0));
}

}  // namespace

DsmilModule::DsmilModule(const DsmilOptions& options) : EmbeddingAggregator(options), options_(options) {
  imaging::check_options(options);
  const auto width = options.embed_dim;
  instance_classifier = register_module("instance_classifier", make_linear(width, options.class_count));
  query = register_module("query", make_linear(width, options.query_dim));
  if (options.variant == "mhim")
    query_out = register_module("query_out", make_linear(options.query_dim, options.query_dim));
  if (options.variant != "stand_alone") value = register_module("value", make_linear(width, width));
  classifier = register_module("classifier", torch::nn::Conv1d(torch::nn::Conv1dOptions(
                                                 options.class_count, options.class_count, width)));
  if (options.initialisation == "xavier") initialise_xavier(*this);
}

at::Tensor DsmilModule::queries(const at::Tensor& embedded, Apply linear) const {
  const auto first = linear(embedded, query);
  return query_out ? linear(first.relu(), query_out).tanh() : first;
}

at::Tensor DsmilModule::values(const at::Tensor& embedded, Apply linear) const {
  if (!value) return embedded;
  const auto output = linear(embedded, value);
  return options_.variant == "mhim" ? output.relu() : output;
}

/// From instance logits, raw scores and the pooled classes to the rest.
void DsmilModule::finish(AggregatorOutput& output) {
  output.scores = output.raw_scores.softmax(0);
  output.logits = classifier->forward(output.embedding.unsqueeze(0)).view({-1});
  output.mask_scores = output.instance_logits.amax(1).unsqueeze(0);
}

AggregatorOutput DsmilModule::forward(const at::Tensor& features) {
  return pool(embed(features));
}

AggregatorOutput DsmilModule::pool(const at::Tensor& embedded) {
  AggregatorOutput output;
  output.instance_logits = instance_classifier->forward(embedded);
  const auto critical = embedded.index_select(0, output.instance_logits.argmax(0));
  const auto wanted = queries(critical, &apply_with_gradient);
  output.raw_scores = at::mm(queries(embedded, &apply_with_gradient), wanted.t()) /
                      std::sqrt(static_cast<double>(options_.query_dim));
  output.embedding = attention_pool(values(embedded, &apply_with_gradient), output.raw_scores);
  finish(output);
  return output;
}

AggregatorOutput DsmilModule::infer(const at::Tensor& features) {
  const c10::InferenceMode guard;
  const auto count = features.size(0);
  const auto embedded = infer_all(features);
  AggregatorOutput output;
  output.instance_logits = apply_linear(embedded, instance_classifier);
  const auto critical = embedded.index_select(0, output.instance_logits.argmax(0));
  const auto wanted = queries(critical, &apply_without) / std::sqrt(static_cast<double>(options_.query_dim));
  const auto pooled = pool_in_chunks(
      count, shape().class_count, shape().embed_dim, device(), [&](std::int64_t first, std::int64_t rows) {
        const auto chunk = embedded.narrow(0, first, rows);
        const auto scores = apply_linear(queries(chunk, &apply_without), wanted);
        return ScoredRows{value ? values(chunk, &apply_without) : chunk, scores};
      });
  output.raw_scores = pooled.raw_scores;
  output.embedding = pooled.pooled;
  finish(output);
  return output;
}

at::Tensor DsmilModule::loss(const AggregatorOutput& output, std::int64_t label,
                             const LogitLoss& logit_loss) {
  return 0.5 * logit_loss(output.logits, label) + 0.5 * logit_loss(largest_logits(output), label);
}

at::Tensor DsmilModule::decision_logits(const AggregatorOutput& output) const {
  return at::logaddexp(output.logits.log_softmax(0), largest_logits(output).log_softmax(0)) - std::log(2.0);
}

}  // namespace mil
