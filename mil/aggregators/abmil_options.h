#pragma once

#include <concepts>
#include <cstdint>
#include <string>

#include "imaging/base/options.h"

namespace mil {

/// The shape of an ABMIL. The defaults are MHIM's ungated form; CLAM's is gated or not with attention_dim
/// 256, tanh and biases.
struct AbmilOptions {
  std::int64_t input_dim = 1024;
  std::int64_t class_count = 2;
  std::int64_t embed_dim = 512;
  std::int64_t attention_dim = 128;
  bool gated = false;
  bool attention_bias = false;
  std::string activation = "relu";
  std::string attention_activation = "relu";
  double dropout = 0.25;
  double attention_dropout = 0.0;
  std::string initialisation = "xavier";
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, AbmilOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("input_dim", options.input_dim, FieldInfo{.help = "Width F of a feature", .min = 1, .max = 65536});
  field("class_count", options.class_count, FieldInfo{.help = "Classes", .min = 2, .max = 10000});
  field("embed_dim", options.embed_dim,
        FieldInfo{.help = "Width D of an embedded tile", .min = 1, .max = 65536});
  field("attention_dim", options.attention_dim,
        FieldInfo{.help = "Hidden width of the attention", .min = 1, .max = 65536});
  field("gated", options.gated, FieldInfo{.help = "Multiply the attention's hidden layer by a sigmoid gate"});
  field("attention_bias", options.attention_bias,
        FieldInfo{.help = "Biases in the attention (CLAM: yes, MHIM: no)"});
  field("activation", options.activation,
        FieldInfo{.help = "Activation of the embedding", .choices = {"relu", "gelu"}});
  field("attention_activation", options.attention_activation,
        FieldInfo{.help = "Activation of the attention (CLAM: tanh, MHIM: relu)",
                  .choices = {"relu", "gelu", "tanh"}});
  field("dropout", options.dropout, FieldInfo{.help = "Dropout after the embedding", .min = 0, .max = 0.95});
  field("attention_dropout", options.attention_dropout,
        FieldInfo{.help = "Dropout inside the attention", .min = 0, .max = 0.95});
  field("initialisation", options.initialisation,
        FieldInfo{.help = "Start values: xavier (MHIM: normal, zero biases) or torch (CLAM: PyTorch's own)",
                  .choices = {"xavier", "torch"}});
}

}  // namespace mil
