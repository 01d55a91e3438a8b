#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>

#include "imaging/base/options.h"

namespace mil {

/// SC-MIL, the supervised contrastive one [juyal2024] (our reconstruction; no official code is public; not to
/// be confused with Sparsely Coded MIL).
struct ScmilOptions {
  double scmil_temperature = 1.0;
  std::optional<double> scmil_base_temperature;
  std::string scmil_lone_anchors = "left-out";
  std::string scmil_schedule = "parabolic";
  double scmil_switch = 0.5;
  double scmil_weight = 0.5;
  std::int64_t scmil_batch = 16;
  std::string scmil_sampler = "balanced";
  std::int64_t scmil_instances = 2000;
  std::int64_t scmil_projection_dim = 128;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, ScmilOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("scmil_temperature", options.scmil_temperature,
        FieldInfo{.help = "SC-MIL (our reconstruction; no official code is public): temperature of the "
                          "contrast; 0.1 is the usual other choice",
                  .min = 1e-3,
                  .max = 100});
  field("scmil_base_temperature", options.scmil_base_temperature,
        FieldInfo{.help = "SC-MIL: scale the contrast by temperature / this (official SupCon: 0.07)",
                  .min = 1e-3,
                  .max = 100});
  field(
      "scmil_lone_anchors", options.scmil_lone_anchors,
      FieldInfo{.help = "SC-MIL: bags alone of their class in a batch leave the mean, or count as zero in it "
                        "(official SupCon)",
                .choices = {"left-out", "zero"}});
  field("scmil_schedule", options.scmil_schedule,
        FieldInfo{.help = "SC-MIL: weight of the contrast over the epochs",
                  .choices = {"parabolic", "linear", "cosine", "step", "const"}});
  field("scmil_switch", options.scmil_switch,
        FieldInfo{.help = "SC-MIL, schedule step: share of the epochs with the contrast alone, before "
                          "cross-entropy alone",
                  .min = 0,
                  .max = 1});
  field("scmil_weight", options.scmil_weight,
        FieldInfo{.help = "SC-MIL, schedule const: weight of the contrast", .min = 0, .max = 1});
  field("scmil_batch", options.scmil_batch,
        FieldInfo{.unit = "bags", .help = "SC-MIL: bags per step", .min = 2, .max = 4096});
  field("scmil_sampler", options.scmil_sampler,
        FieldInfo{.help = "SC-MIL: batches balanced over the classes, at least two bags of each, or natural",
                  .choices = {"balanced", "natural"}});
  field("scmil_instances", options.scmil_instances,
        FieldInfo{.unit = "tiles",
                  .help = "SC-MIL: most tiles drawn of a bag per training step; 0 for all",
                  .min = 0,
                  .max = 1e9});
  field("scmil_projection_dim", options.scmil_projection_dim,
        FieldInfo{.help = "SC-MIL: width of the contrasted projection", .min = 1, .max = 65536});
}

}  // namespace mil
