#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <type_traits>

#include "imaging/base/options.h"

namespace models {

/// How a segmenter is adapted to pictures without labels.
struct AdaptOptions {
  std::string adapt = "osuda";
  std::int64_t steps = 200;
  std::int64_t batch = 8;
  std::int64_t crop = 0;
  double learning_rate = 1e-4;
  std::string trainable = "affine";
  double eta = 1;
  double kappa = 1;
  std::string unit = "iteration";
  double entropy_weight = 10;
  std::string reduction = "sum";
  std::string transfer_scope = "network";
  double target_weight = 0.1;
  std::string variance = "biased";
  std::int64_t components = 16;
  std::int64_t largest_batch = 64;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, AdaptOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("adapt", options.adapt,
        FieldInfo{.help = "none (the source as it is), bn (the target's statistics), ubna (running "
                          "statistics that freeze), alpha-bn (source and target mixed), core (alpha-bn, and "
                          "scale and shift by class correlation), unmix-tns (components that follow each "
                          "picture), osuda (statistics that move over, entropy, scale and shift held near "
                          "the source's)",
                  .choices = {"none", "bn", "ubna", "alpha-bn", "core", "unmix-tns", "osuda"}});
  field("steps", options.steps,
        FieldInfo{.help = "Steps of osuda and core; of ubna too, at most 50", .min = 1, .max = 100000});
  field("batch", options.batch,
        FieldInfo{.unit = "pictures", .help = "Pictures a step", .min = 1, .max = 1024});
  field("crop", options.crop,
        FieldInfo{.unit = "px",
                  .help = "Side of a square cut from each picture at random; 0: whole pictures",
                  .min = 0,
                  .max = 8192});
  field("learning_rate", options.learning_rate, FieldInfo{.help = "Adam's step", .min = 1e-8, .max = 1});
  field("trainable", options.trainable,
        FieldInfo{.help = "What osuda changes: scale and shift of the batch norms, or all weights",
                  .choices = {"affine", "all"}});
  field("eta", options.eta,
        FieldInfo{.help = "osuda: share of the source in the statistics at the start", .min = 0, .max = 1});
  field("kappa", options.kappa,
        FieldInfo{.help = "osuda: that share falls as exp(-kappa t)", .min = 0, .max = 100});
  field("unit", options.unit, FieldInfo{.help = "osuda: what t counts", .choices = {"iteration", "epoch"}});
  field("entropy_weight", options.entropy_weight,
        FieldInfo{.help = "osuda: weight of the entropy at the start; falls to 0", .min = 0, .max = 1e4});
  field("reduction", options.reduction,
        FieldInfo{.help = "osuda: how the distance of scale and shift is taken over channels",
                  .choices = {"sum", "mean"}});
  field("transfer_scope", options.transfer_scope,
        FieldInfo{.help = "osuda: channels' weights have mean 1 over the network, or over each layer",
                  .choices = {"network", "layer"}});
  field("target_weight", options.target_weight,
        FieldInfo{.help = "alpha-bn, core: share of the target in the statistics. The paper writes its alpha "
                          "on the source",
                  .min = 0,
                  .max = 1});
  field("variance", options.variance,
        FieldInfo{.help = "alpha-bn, core: the target's variance", .choices = {"biased", "unbiased"}});
  field("components", options.components,
        FieldInfo{.help = "unmix-tns: statistics kept per layer", .min = 1, .max = 1024});
  field("largest_batch", options.largest_batch,
        FieldInfo{.unit = "pictures",
                  .help = "unmix-tns: batch whose components move by the layer's full momentum",
                  .min = 1,
                  .max = 4096});
}

/// When an adaptation is taken back. Limits hold between the adapted network and the source on target
/// pictures; where the source's package says how it behaved on its own pictures, `trust` decides whether the
/// source is to be believed at all.
struct GuardOptions {
  std::string guard = "rollback";
  std::int64_t guard_pictures = 16;
  double max_entropy_ratio = 2;
  double max_share_ratio = 3;
  double min_agreement = 0.5;
  double max_consistency_loss = 0.03;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, GuardOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("guard", options.guard,
        FieldInfo{.help = "What happens when a monitor trips: the source comes back, or only a warning",
                  .choices = {"rollback", "warn"}});
  field("guard_pictures", options.guard_pictures,
        FieldInfo{.unit = "pictures", .help = "Target pictures that are watched", .min = 1, .max = 1000});
  field("max_entropy_ratio", options.max_entropy_ratio,
        FieldInfo{.help = "Most that the mean entropy may rise, as a factor", .min = 1, .max = 1000});
  field("max_share_ratio", options.max_share_ratio,
        FieldInfo{.help = "Most that a class's share of the pictures may grow or shrink, as a factor",
                  .min = 1,
                  .max = 1000});
  field("min_agreement", options.min_agreement,
        FieldInfo{.help = "Least agreement (mean Dice) with the source's answer", .min = 0, .max = 1});
  field("max_consistency_loss", options.max_consistency_loss,
        FieldInfo{.help = "Most that the agreement with the answer for the mirrored picture may fall",
                  .min = 0,
                  .max = 1});
}

}  // namespace models
