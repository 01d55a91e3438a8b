#pragma once

#include "mil/aggregators/aggregator_shape.h"

namespace mil {

/// The shape of an ABMIL. The defaults are MHIM's ungated form; the stand-alone ABMIL of its repository has
/// tanh and biases, CLAM's attention is gated or not with attention_dim 256, tanh and biases.
struct AbmilOptions : AggregatorShape {
  std::int64_t attention_dim = 128;
  bool gated = false;
  bool attention_bias = false;
  std::string attention_activation = "relu";
  double attention_dropout = 0.0;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, AbmilOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  visit_shape(field, options);
  field("attention_dim", options.attention_dim,
        FieldInfo{.help = "Hidden width of the attention", .min = 1, .max = 65536});
  field("gated", options.gated, FieldInfo{.help = "Multiply the attention's hidden layer by a sigmoid gate"});
  field("attention_bias", options.attention_bias,
        FieldInfo{.help = "Biases in the attention (CLAM: yes, MHIM: no)"});
  field("attention_activation", options.attention_activation,
        FieldInfo{.help = "Activation of the attention (CLAM: tanh, MHIM: relu)",
                  .choices = {"relu", "gelu", "tanh"}});
  field("attention_dropout", options.attention_dropout,
        FieldInfo{.help = "Dropout inside the attention", .min = 0, .max = 0.95});
}

}  // namespace mil
