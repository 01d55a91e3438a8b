#pragma once

#include <concepts>
#include <cstdint>
#include <string>

#include "imaging/base/options.h"

namespace mil {

/// What every aggregator has: the tile embedding act(W x + b) with dropout, and the classes. Mean and max
/// pooling have nothing more.
struct AggregatorShape {
  std::int64_t input_dim = 1024;
  std::int64_t class_count = 2;
  std::int64_t embed_dim = 512;
  std::string activation = "relu";
  double dropout = 0.25;
  std::string initialisation = "xavier";
};

template <typename Visitor, typename Options>
void visit_shape(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("input_dim", options.input_dim, FieldInfo{.help = "Width F of a feature", .min = 1, .max = 65536});
  field("class_count", options.class_count, FieldInfo{.help = "Classes", .min = 2, .max = 10000});
  field("embed_dim", options.embed_dim,
        FieldInfo{.help = "Width D of an embedded tile", .min = 1, .max = 65536});
  field("activation", options.activation,
        FieldInfo{.help = "Activation of the embedding", .choices = {"relu", "gelu"}});
  field("dropout", options.dropout, FieldInfo{.help = "Dropout after the embedding", .min = 0, .max = 0.95});
  field("initialisation", options.initialisation,
        FieldInfo{.help = "Start values: xavier (MHIM: normal, zero biases) or torch (CLAM: PyTorch's own)",
                  .choices = {"xavier", "torch"}});
}

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, AggregatorShape>
void visit_fields(Visitor&& field, Options& options) {
  visit_shape(field, options);
}

}  // namespace mil
