#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>

#include "imaging/base/options.h"

namespace mil {

/// What people choose of a base's shape. `aggregator_arguments` makes of it the architecture's own arguments;
/// a field that the base does not have is ignored, one that is not set is the base's own.
struct BaseOptions {
  std::int64_t embed_dim = 512;
  std::string activation = "relu";
  double dropout = 0.25;
  std::optional<std::int64_t> attention_dim;  ///< ABMIL 128, CLAM 256
  std::optional<bool> gated;                  ///< ABMIL no, CLAM yes
  bool attention_bias = false;
  std::string attention_activation = "relu";
  std::string transmil_padding = "internal";
  std::int64_t transmil_heads = 8;
  std::int64_t transmil_landmarks = 0;
  std::int64_t transmil_mask_layer = 1;
  std::string dsmil_variant = "mhim";
  std::int64_t clam_instances = 8;
  bool clam_subtyping = false;
  std::string clam_instance_loss = "ce";
  double clam_instance_weight = 0.3;
  std::string ins_pooling = "mean";
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, BaseOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("embed_dim", options.embed_dim,
        FieldInfo{.help = "Width of an embedded tile", .min = 1, .max = 65536});
  field("activation", options.activation,
        FieldInfo{.help = "Activation of the embedding", .choices = {"relu", "gelu"}});
  field("dropout", options.dropout, FieldInfo{.help = "Dropout after the embedding", .min = 0, .max = 0.95});
  field("attention_dim", options.attention_dim,
        FieldInfo{.help = "Hidden width of the attention; unset: 128 for abmil, 256 for CLAM",
                  .min = 1,
                  .max = 65536});
  field("gated", options.gated, FieldInfo{.help = "Gated attention; unset: no for abmil, yes for CLAM"});
  field("attention_bias", options.attention_bias,
        FieldInfo{.help = "abmil: biases in the attention (MHIM's base: no, the stand-alone ABMIL: yes)"});
  field("attention_activation", options.attention_activation,
        FieldInfo{.help = "abmil: activation of the attention (MHIM's base: relu, the stand-alone ABMIL: "
                          "tanh)",
                  .choices = {"relu", "gelu", "tanh"}});
  field("transmil_padding", options.transmil_padding,
        FieldInfo{.help = "transmil: where tiles are repeated to fill a square: internal (MHIM: in the "
                          "positional encoding only) or stand_alone (before the first layer, to the end)",
                  .choices = {"internal", "stand_alone"}});
  field("transmil_heads", options.transmil_heads,
        FieldInfo{.help = "transmil: heads, each of width embed_dim / 8", .min = 1, .max = 256});
  field("transmil_landmarks", options.transmil_landmarks,
        FieldInfo{.help = "transmil: landmarks; 0 is embed_dim / 2", .min = 0, .max = 65536});
  field("transmil_mask_layer", options.transmil_mask_layer,
        FieldInfo{.help = "transmil: layer whose class-token attention MHIM masks by", .min = 1, .max = 2});
  field("dsmil_variant", options.dsmil_variant,
        FieldInfo{.help = "dsmil: mhim (query and value with a non-linearity), stand_alone (linear query, "
                          "the tile as value) or first_release (both linear)",
                  .choices = {"mhim", "stand_alone", "first_release"}});
  field("clam_instances", options.clam_instances,
        FieldInfo{.help = "CLAM: tiles of highest and of lowest attention that the instance classifiers see",
                  .min = 1,
                  .max = 100000});
  field("clam_subtyping", options.clam_subtyping,
        FieldInfo{.help = "CLAM: the other classes' instance classifiers learn too"});
  field("clam_instance_loss", options.clam_instance_loss,
        FieldInfo{.help = "CLAM: loss of the instance classifiers, cross-entropy or smooth top-1 SVM",
                  .choices = {"ce", "svm"}});
  field("clam_instance_weight", options.clam_instance_weight,
        FieldInfo{.help = "CLAM: share of the instance loss", .min = 0, .max = 1});
  field("ins_pooling", options.ins_pooling,
        FieldInfo{.help = "ins: a bag's probability of its tiles'", .choices = {"mean", "max"}});
}

}  // namespace mil
