#pragma once

#include <concepts>
#include <cstdint>
#include <string>

#include "imaging/base/options.h"

namespace mil {

/// What people choose of a base's shape. `aggregator_arguments` makes of it the architecture's own arguments;
/// a field that the base does not have is ignored.
struct BaseOptions {
  std::int64_t embed_dim = 512;
  double dropout = 0.25;
  std::int64_t attention_dim = 128;
  bool gated = false;
  bool attention_bias = false;
  std::string attention_activation = "relu";
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, BaseOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("embed_dim", options.embed_dim,
        FieldInfo{.help = "Width of an embedded tile", .min = 1, .max = 65536});
  field("dropout", options.dropout, FieldInfo{.help = "Dropout after the embedding", .min = 0, .max = 0.95});
  field("attention_dim", options.attention_dim,
        FieldInfo{.help = "Hidden width of the attention", .min = 1, .max = 65536});
  field("gated", options.gated, FieldInfo{.help = "Gated attention"});
  field("attention_bias", options.attention_bias,
        FieldInfo{.help = "Biases in the attention (CLAM: yes, MHIM: no)"});
  field("attention_activation", options.attention_activation,
        FieldInfo{.help = "Activation of the attention (CLAM: tanh, MHIM: relu)",
                  .choices = {"relu", "gelu", "tanh"}});
}

}  // namespace mil
