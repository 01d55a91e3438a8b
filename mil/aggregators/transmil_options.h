#pragma once

#include "mil/aggregators/aggregator_shape.h"

namespace mil {

/// The shape of a TransMIL. A width of 0 is TransMIL's own: head_dim embed_dim / 8, landmarks embed_dim / 2.
struct TransmilOptions : AggregatorShape {
  std::string padding = "internal";
  std::int64_t heads = 8;
  std::int64_t head_dim = 0;
  std::int64_t landmarks = 0;
  double attention_dropout = 0.1;
  std::int64_t mask_layer = 1;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, TransmilOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  visit_shape(field, options);
  field("padding", options.padding,
        FieldInfo{.help = "Where tiles are repeated to fill a square: internal (MHIM: in the positional "
                          "encoding only) or stand_alone (TransMIL: before the first layer, to the end)",
                  .choices = {"internal", "stand_alone"}});
  field("heads", options.heads, FieldInfo{.help = "Attention heads", .min = 1, .max = 256});
  field("head_dim", options.head_dim,
        FieldInfo{.help = "Width of a head; 0 is embed_dim / 8", .min = 0, .max = 65536});
  field("landmarks", options.landmarks,
        FieldInfo{.help = "Landmarks of the Nystrom attention; 0 is embed_dim / 2", .min = 0, .max = 65536});
  field("attention_dropout", options.attention_dropout,
        FieldInfo{.help = "Dropout after each attention layer", .min = 0, .max = 0.95});
  field("mask_layer", options.mask_layer,
        FieldInfo{.help = "Layer whose class-token attention MHIM masks by", .min = 1, .max = 2});
}

}  // namespace mil
