#include "mil/aggregators/ins_module.h"

#include <fmt/format.h>

#include "imaging/base/error.h"

namespace mil {

InsModule::InsModule(const InsShape& shape) : EmbeddingAggregator(shape), is_max_(shape.pooling == "max") {
  imaging::check_options(shape);
  if (shape.class_count != 2) {
    throw imaging::Error(
        imaging::ErrorCode::invalid_argument,
        fmt::format("INS knows two classes, negative and positive, but there are {}; use another method or "
                    "make two classes of the labels.",
                    shape.class_count));
  }
  classifier = register_module("classifier", make_linear(shape.embed_dim, shape.class_count));
  bag_line = register_buffer("bag_line", at::tensor({1.F, 0.F}));
  if (shape.initialisation == "xavier") initialise_xavier(*this);
}

at::Tensor InsModule::pooled_log_odds(const at::Tensor& instance_logits) const {
  if (is_max_) return (instance_logits.select(1, 1) - instance_logits.select(1, 0)).max();
  const auto sums = instance_logits.log_softmax(1).logsumexp(0);
  return sums[1] - sums[0];
}

void InsModule::finish(AggregatorOutput& output) const {
  const auto log_odds = bag_line[0] * pooled_log_odds(output.instance_logits) + bag_line[1];
  output.logits = at::stack({at::zeros_like(log_odds), log_odds});
  output.raw_scores = output.instance_logits;
  output.scores = output.instance_logits.softmax(1);
}

AggregatorOutput InsModule::forward(const at::Tensor& features) {
  const auto embedded = embed(features);
  AggregatorOutput output;
  output.embedding = embedded.mean(0, /*keepdim=*/true);
  output.instance_logits = classifier->forward(embedded);
  finish(output);
  return output;
}

AggregatorOutput InsModule::infer(const at::Tensor& features) {
  const c10::InferenceMode guard;
  const auto count = features.size(0);
  AggregatorOutput output;
  output.instance_logits =
      at::empty({count, shape().class_count}, at::TensorOptions().dtype(at::kFloat).device(device()));
  output.embedding =
      pool_in_chunks(count, 1, shape().embed_dim, device(), [&](std::int64_t first, std::int64_t rows) {
        const auto embedded = infer_rows(features, first, rows);
        output.instance_logits.narrow(0, first, rows).copy_(apply_linear(embedded, classifier));
        return ScoredRows{embedded, at::zeros({rows, 1}, embedded.options())};
      }).pooled;
  finish(output);
  return output;
}

}  // namespace mil
