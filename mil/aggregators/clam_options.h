#pragma once

#include "mil/aggregators/aggregator_shape.h"

namespace mil {

/// The shape of a CLAM, single- or multi-branch. The defaults are CLAM's "small"; its "big" has attention_dim
/// 384.
struct ClamOptions : AggregatorShape {
  ClamOptions() { initialisation = "torch"; }

  std::int64_t attention_dim = 256;
  bool gated = true;
  double attention_dropout = 0.25;
  std::int64_t instances = 8;
  bool subtyping = false;
  std::string instance_loss = "ce";
  double instance_weight = 0.3;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, ClamOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  visit_shape(field, options);
  field("attention_dim", options.attention_dim,
        FieldInfo{.help = "Hidden width of the attention", .min = 1, .max = 65536});
  field("gated", options.gated, FieldInfo{.help = "Multiply the attention's hidden layer by a sigmoid gate"});
  field("attention_dropout", options.attention_dropout,
        FieldInfo{.help = "Dropout inside the attention", .min = 0, .max = 0.95});
  field("instances", options.instances,
        FieldInfo{.help = "Tiles k of highest and of lowest attention that the instance classifiers see",
                  .min = 1,
                  .max = 100000});
  field("subtyping", options.subtyping,
        FieldInfo{.help = "Classes exclude each other: the other classes' classifiers learn too"});
  field("instance_loss", options.instance_loss,
        FieldInfo{.help = "Loss of the instance classifiers: cross-entropy or smooth top-1 SVM",
                  .choices = {"ce", "svm"}});
  field("instance_weight", options.instance_weight,
        FieldInfo{.help = "Share of the instance loss in the whole", .min = 0, .max = 1});
}

}  // namespace mil
