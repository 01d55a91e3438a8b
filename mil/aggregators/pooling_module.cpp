#include "mil/aggregators/pooling_module.h"

namespace mil {

PoolingModule::PoolingModule(const AggregatorShape& shape, Kind kind)
    : EmbeddingAggregator(shape), kind_(kind) {
  classifier = register_module("classifier", make_linear(shape.embed_dim, shape.class_count));
  if (shape.initialisation == "xavier") initialise_xavier(*this);
}

std::int64_t PoolingModule::embedding_size() const {
  return kind_ == Kind::mean ? shape().embed_dim : shape().class_count * shape().embed_dim;
}

AggregatorOutput PoolingModule::forward(const at::Tensor& features) {
  const auto embedded = embed(features);
  AggregatorOutput output;
  output.instance_logits = classifier->forward(embedded);
  output.raw_scores = output.instance_logits;
  output.scores = output.instance_logits.softmax(1);
  if (kind_ == Kind::mean) {
    output.logits = output.instance_logits.mean(0);
    output.embedding = embedded.mean(0, /*keepdim=*/true);
  } else {
    const auto [largest, critical] = output.instance_logits.max(0);
    output.logits = largest;
    output.embedding = embedded.index_select(0, critical);
  }
  return output;
}

AggregatorOutput PoolingModule::infer(const at::Tensor& features) {
  const c10::InferenceMode guard;
  const auto count = features.size(0);
  AggregatorOutput output;
  output.instance_logits =
      at::empty({count, shape().class_count}, at::TensorOptions().dtype(at::kFloat).device(device()));
  const auto embed_and_classify = [&](std::int64_t first, std::int64_t rows) {
    const auto embedded = infer_rows(features, first, rows);
    output.instance_logits.narrow(0, first, rows).copy_(apply_linear(embedded, classifier));
    return embedded;
  };
  if (kind_ == Kind::mean) {
    output.embedding =
        pool_in_chunks(count, 1, shape().embed_dim, device(), [&](std::int64_t first, std::int64_t rows) {
          const auto embedded = embed_and_classify(first, rows);
          return ScoredRows{embedded, at::zeros({rows, 1}, embedded.options())};
        }).pooled;
    output.logits = output.instance_logits.mean(0);
  } else {
    for_row_chunks(count, device(), [&](std::int64_t, std::int64_t first, std::int64_t rows) {
      (void)embed_and_classify(first, rows);
    });
    const auto [largest, critical] = output.instance_logits.max(0);
    output.logits = largest;
    output.embedding =
        infer_rows(features.index_select(0, critical.to(features.device())), 0, shape().class_count);
  }
  output.raw_scores = output.instance_logits;
  output.scores = output.instance_logits.softmax(1);
  return output;
}

}  // namespace mil
