#pragma once

#include <concepts>
#include <cstdint>
#include <string>

#include "imaging/base/options.h"

namespace mil {

/// INS [qu2024]. It has its own optimiser (SGD) and draws tiles, not bags; of the general options it takes
/// the epochs, the stopping rules and the embedding's shape.
struct InsOptions {
  double ins_learning_rate = 0.01;
  double ins_weight_decay = 1e-3;
  std::int64_t ins_batch = 64;
  double ins_warmup = 0.133;
  std::int64_t ins_queue = 8192;
  double ins_temperature = 0.07;
  double ins_contrast_weight = 0.5;
  double ins_bag_weight = 0.5;
  std::int64_t ins_projection_dim = 128;
  std::int64_t ins_shuffle_mb = 512;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, InsOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("ins_learning_rate", options.ins_learning_rate,
        FieldInfo{.help = "INS: step of SGD with momentum 0.9", .min = 1e-8, .max = 10});
  field("ins_weight_decay", options.ins_weight_decay,
        FieldInfo{.help = "INS: L2 added to the gradient", .min = 0, .max = 1});
  field("ins_batch", options.ins_batch,
        FieldInfo{.unit = "tiles", .help = "INS: tiles per step, over all bags", .min = 2, .max = 65536});
  field("ins_warmup", options.ins_warmup,
        FieldInfo{.help = "INS: share of the epochs on positive bags alone, before pseudo labels move",
                  .min = 0,
                  .max = 1});
  field("ins_queue", options.ins_queue,
        FieldInfo{.unit = "tiles",
                  .help = "INS: projected tiles remembered as negatives; never more than there are tiles",
                  .min = 1,
                  .max = 1e8});
  field("ins_temperature", options.ins_temperature,
        FieldInfo{.help = "INS: temperature of the contrast", .min = 1e-3, .max = 100});
  field("ins_contrast_weight", options.ins_contrast_weight,
        FieldInfo{.help = "INS: weight of the contrast", .min = 0, .max = 100});
  field("ins_bag_weight", options.ins_bag_weight,
        FieldInfo{.help = "INS: weight of the bag constraint; 0 for none", .min = 0, .max = 100});
  field("ins_projection_dim", options.ins_projection_dim,
        FieldInfo{.help = "INS: width of the contrasted projection", .min = 1, .max = 65536});
  field("ins_shuffle_mb", options.ins_shuffle_mb,
        FieldInfo{.unit = "MB",
                  .help = "INS: tiles are shuffled over so many MB of bags at a time",
                  .min = 1,
                  .max = 1e7});
}

}  // namespace mil
