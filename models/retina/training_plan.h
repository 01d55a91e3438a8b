#pragma once

#include <concepts>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>

#include "imaging/base/options.h"
#include "imaging/base/options_json.h"

namespace models {

/// The network that is trained, and the picture it gets.
struct GraderNetworkOptions {
  std::string architecture = "resnet50";
  std::string ibn = "none";
  std::int64_t width = 64;
  std::int64_t blocks = 0;  ///< residual blocks a stage; 0: as usual
  std::string pool = "mean";
  std::string weights = {};
  std::int64_t crop = 512;
  std::int64_t input = 224;
  std::string normalise = "none";
  bool test_flips = false;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, GraderNetworkOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("architecture", options.architecture,
        FieldInfo{.help = "Backbone; resnet50v2 is the pre-activation one up to stage 3",
                  .choices = {"resnet18", "resnet50", "resnet50v2"}});
  field("ibn", options.ibn,
        FieldInfo{.help = "Instance normalisation in the backbone (IBN-Net)", .choices = {"none", "a", "b"}});
  field("width", options.width, FieldInfo{.help = "Channels of the stem", .min = 4, .max = 256});
  field("blocks", options.blocks,
        FieldInfo{.help = "Residual blocks a stage; 0: the architecture's own", .min = 0, .max = 32});
  field("pool", options.pool,
        FieldInfo{.help =
                      "How the last map becomes features; lesions adds what a probe, learnt from --lesions, "
                      "finds of each kind",
                  .choices = {"mean", "mean_max", "lesions"}});
  field(
      "weights", options.weights,
      FieldInfo{.help = "Backbone to start from: safetensors or PyTorch state dict with torchvision's names, "
                        "or a TorchScript file; from scratch where empty"});
  field("crop", options.crop,
        FieldInfo{.unit = "px", .help = "Side of the photograph cut to its field", .min = 32, .max = 4096});
  field("input", options.input,
        FieldInfo{.unit = "px", .help = "Side of what the network sees", .min = 32, .max = 2048});
  field("normalise", options.normalise,
        FieldInfo{.help =
                      "Give the field of every photograph the same mean and spread of each colour; contrast "
                      "first takes from each place the mean of its surroundings",
                  .choices = {"none", "colours", "contrast"}});
  field("test_flips", options.test_flips,
        FieldInfo{.help = "Grade by the mean of the photograph and its mirror image"});
}

/// The training. Defaults are GDRBench's constants.
struct RetinaTrainOptions {
  std::string method = "erm";
  std::string augmentation = "auto";
  bool turns = false;
  std::string head_start = "random";
  double shrinkage = 0.6;
  std::int64_t epochs = 100;
  std::int64_t batch = 16;
  double learning_rate = 1e-3;
  double head_rate = 1;
  double momentum = 0.9;
  double weight_decay = 5e-4;
  double decay_at = 0.5;
  double balance = 0;
  double oedema_weight = 0.5;
  std::int64_t select_every = 10;
  double select_after = 0.3;
  bool calibrate = true;
  bool freeze = false;
  std::int64_t split = -1;
  std::int64_t views = 0;
  std::int64_t cache_mb = 4000;
  std::int64_t workers = 2;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, RetinaTrainOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field(
      "method", options.method,
      FieldInfo{.help = "erm (plain), gdrnet, or deco (DECO-style, after the published figure and abstract)",
                .choices = {"erm", "gdrnet", "deco"}});
  field("augmentation", options.augmentation,
        FieldInfo{.help = "auto is fundus (FundusAug) for gdrnet and baseline for the others",
                  .choices = {"auto", "none", "baseline", "fundus"}});
  field("turns", options.turns, FieldInfo{.help = "Turn pictures by quarters at random"});
  field(
      "head_start", options.head_start,
      FieldInfo{.help = "Heads start at random, or as the linear discriminant of the start weights' features "
                        "of the photographs and their views; where more is trained, at the temperature that "
                        "fits photographs it has not seen",
                .choices = {"random", "discriminant"}});
  field("shrinkage", options.shrinkage,
        FieldInfo{.help = "Discriminant: share by which the covariance is drawn to the identity",
                  .min = 0.001,
                  .max = 1});
  field("epochs", options.epochs,
        FieldInfo{
            .help = "Passes over the photographs; 0 leaves the heads as they start", .min = 0, .max = 10000});
  field("batch", options.batch,
        FieldInfo{.unit = "photographs", .help = "Photographs (deco: pairs) a step", .min = 2, .max = 4096});
  field("learning_rate", options.learning_rate,
        FieldInfo{.help = "SGD's step with Nesterov momentum", .min = 1e-8, .max = 10});
  field("head_rate", options.head_rate,
        FieldInfo{.help = "The heads' learning rate over the backbone's", .min = 0.01, .max = 1000});
  field("momentum", options.momentum, FieldInfo{.help = "Nesterov momentum", .min = 0.01, .max = 0.999});
  field("weight_decay", options.weight_decay,
        FieldInfo{.help = "L2 penalty of all weights", .min = 0, .max = 1});
  field("decay_at", options.decay_at,
        FieldInfo{.help = "Share of the epochs after which the step is a tenth", .min = 0, .max = 1});
  field("balance", options.balance,
        FieldInfo{.help = "erm, deco: weigh classes by (rarest / frequency) to this power; 0 does not",
                  .min = 0,
                  .max = 1});
  field("oedema_weight", options.oedema_weight,
        FieldInfo{.help = "Weight of the oedema risk's loss where the labels have it; 0 leaves it out",
                  .min = 0,
                  .max = 10});
  field("select_every", options.select_every,
        FieldInfo{
            .unit = "epochs", .help = "How often validation may choose the weights", .min = 1, .max = 10000});
  field("select_after", options.select_after,
        FieldInfo{.help = "Share of the epochs before validation may choose", .min = 0, .max = 1});
  field("calibrate", options.calibrate, FieldInfo{.help = "Fit a temperature on the source validation part"});
  field("freeze", options.freeze, FieldInfo{.help = "Do not train what lies before the split"});
  field("split", options.split,
        FieldInfo{
            .help = "Residual blocks before the split, where deco mixes and freeze ends; -1: after stage 2",
            .min = -1,
            .max = 200});
  field("views", options.views,
        FieldInfo{.help = "With freeze: augmented views of a photograph whose early maps are kept; 0 draws "
                          "anew each time",
                  .min = 0,
                  .max = 1000});
  field("cache_mb", options.cache_mb,
        FieldInfo{.unit = "MB", .help = "Most memory for kept maps", .min = 1, .max = 1e6});
  field("workers", options.workers,
        FieldInfo{.help = "Threads that decode and augment ahead", .min = 1, .max = 256});
}

/// Ours where the paper is silent; see models/retina/deco.h.
struct DecoOptions {
  double mix_alpha = 0.5;
  double mix_beta = 0.5;
  std::string mix_counts = "train";
  std::string pairs = "default";
  double warm_up = 0.07;
  std::string alignment = "flat";
  double omega = 0.25;
  bool dynamic = false;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, DecoOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("mix_alpha", options.mix_alpha,
        FieldInfo{.help = "deco: shares are max(l, 1 - l) of l from Beta(a, a)", .min = 0.01, .max = 100});
  field("mix_beta", options.mix_beta,
        FieldInfo{.help = "deco: the sample's share falls with its class's and domain's frequency to this "
                          "power; 0: mixing as in TALLY",
                  .min = 0,
                  .max = 5});
  field("mix_counts", options.mix_counts,
        FieldInfo{.help = "deco, gdrnet: counts of the training list, or the constants of GDRBench's code",
                  .choices = {"train", "gdrbench"}});
  field("pairs", options.pairs,
        FieldInfo{
            .help = "deco: default draws two domains and a photograph of each; tally a class, and a domain",
            .choices = {"default", "tally"}});
  field("warm_up", options.warm_up,
        FieldInfo{.help = "deco: share of the epochs before mixing starts", .min = 0, .max = 1});
  field("alignment", options.alignment,
        FieldInfo{.help = "deco: alignment of whole maps, or place by place", .choices = {"flat", "dense"}});
  field("omega", options.omega, FieldInfo{.help = "deco: weight of the alignment", .min = 0, .max = 100});
  field("dynamic", options.dynamic,
        FieldInfo{.help = "deco: GDRNet's schedule in place of a fixed weight of the alignment"});
}

/// GDRNet's loss, and the temperature that its contrast and DECO's alignment share.
struct ContrastOptions {
  double gdrnet_beta = 0.5;
  double contrast_temperature = 0.1;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, ContrastOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("gdrnet_beta", options.gdrnet_beta,
        FieldInfo{.help = "gdrnet: shares of classes and domains to this power", .min = 0, .max = 2});
  field("contrast_temperature", options.contrast_temperature,
        FieldInfo{.help = "gdrnet, deco: temperature of the contrast; GDRNet has 0.1, with one source 0.01",
                  .min = 1e-4,
                  .max = 100});
}

/// RankMixup beside any method.
struct RankMixupOptions {
  std::string rank_mixup = "none";
  double rank_weight = 0.1;
  double rank_margin = 2;
  double rank_alpha = 2;
  std::int64_t max_grade_gap = 4;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, RankMixupOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("rank_mixup", options.rank_mixup,
        FieldInfo{.help = "Calibration by ranking mixed pictures: mrl (one copy) or ndcg (three)",
                  .choices = {"none", "mrl", "ndcg"}});
  field("rank_weight", options.rank_weight,
        FieldInfo{.help = "Weight of the ranking loss", .min = 0, .max = 10});
  field("rank_margin", options.rank_margin,
        FieldInfo{.help = "mrl: margin of the logits", .min = 0, .max = 100});
  field("rank_alpha", options.rank_alpha,
        FieldInfo{.help = "Shares of a mix are from Beta(a, a)", .min = 0.01, .max = 100});
  field("max_grade_gap", options.max_grade_gap,
        FieldInfo{.help = "Pictures whose grades lie further apart are not mixed", .min = 0, .max = 4});
}

/// Everything people choose of a training. Options of a method that is not chosen are ignored.
struct RetinaTrainingPlan {
  RetinaTrainOptions training;
  GraderNetworkOptions network;
  DecoOptions deco;
  ContrastOptions contrast;
  RankMixupOptions rank;
};

/// Visits every option set of a plan: for the command line, config.json and checkpoints.
template <typename Plan, typename Visitor>
requires std::same_as<std::remove_const_t<Plan>, RetinaTrainingPlan>
void visit_option_sets(Plan& plan, Visitor&& visit) {
  visit(plan.training);
  visit(plan.network);
  visit(plan.deco);
  visit(plan.contrast);
  visit(plan.rank);
}

/// All options in one flat object: their names are unique.
[[nodiscard]] inline nlohmann::ordered_json plan_to_json(const RetinaTrainingPlan& plan) {
  nlohmann::ordered_json all = nlohmann::ordered_json::object();
  visit_option_sets(plan, [&](const auto& options) { all.update(imaging::options_to_json(options)); });
  return all;
}

}  // namespace models
