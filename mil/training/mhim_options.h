#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>

#include "imaging/base/options.h"

namespace mil {

/// MHIM-MIL [tang2023]. What is unset is taken from the preset, which depends on the base (methods/mil.md
/// 3.7).
struct MhimOptions {
  std::string mhim_preset = "c16";
  std::optional<double> mhim_random;
  std::optional<double> mhim_low;
  std::optional<double> mhim_high;
  std::optional<double> mhim_high_pool;
  std::optional<double> mhim_consistency;
  std::optional<std::string> mhim_momentum_schedule;
  double mhim_momentum = 0.9999;
  bool mhim_decay = true;
  std::string mhim_fusion = "vote";
  std::string mhim_init = "self";
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, MhimOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("mhim_preset", options.mhim_preset,
        FieldInfo{.help = "MHIM: the paper's settings for the base, for what is not given: c16 (few positive "
                          "tiles: abmil and dsmil mask .5 random and .01 high of a pool of .5; transmil .8 "
                          "low, .03 high) or tcga (many: .7 random, .2 low, .02 high; transmil .6 random)",
                  .choices = {"c16", "tcga"}});
  field("mhim_random", options.mhim_random,
        FieldInfo{.help = "MHIM: share of the tiles masked at random", .min = 0, .max = 1});
  field("mhim_low", options.mhim_low,
        FieldInfo{.help = "MHIM: share masked from the teacher's lowest scores", .min = 0, .max = 1});
  field("mhim_high", options.mhim_high,
        FieldInfo{.help = "MHIM: share masked from the teacher's highest scores", .min = 0, .max = 1});
  field("mhim_high_pool", options.mhim_high_pool,
        FieldInfo{.help = "MHIM: the high share is drawn at random from the top high / pool; 1 takes the top",
                  .min = 1e-3,
                  .max = 1});
  field(
      "mhim_consistency", options.mhim_consistency,
      FieldInfo{
          .help = "MHIM: weight of the consistency with the teacher's bag embedding", .min = 0, .max = 100});
  field("mhim_momentum_schedule", options.mhim_momentum_schedule,
        FieldInfo{.help = "MHIM: teacher's momentum stays (constant) or rises to 1 (cosine)",
                  .choices = {"constant", "cosine"}});
  field("mhim_momentum", options.mhim_momentum,
        FieldInfo{.help = "MHIM: share of itself that the teacher keeps per step", .min = 0, .max = 1});
  field("mhim_decay", options.mhim_decay,
        FieldInfo{.help = "MHIM: let the high share fall to 0 over all epochs by half a cosine"});
  field("mhim_fusion", options.mhim_fusion,
        FieldInfo{.help = "MHIM: how several heads agree on what to mask", .choices = {"vote", "mean"}});
  field(
      "mhim_init", options.mhim_init,
      FieldInfo{.help = "MHIM: where teacher and embedding start: self (the base is trained first, by ce on "
                        "the same split), none, or the path of a trained base's package or checkpoint"});
}

}  // namespace mil
