#pragma once

#include <concepts>
#include <cstdint>
#include <string>

#include "imaging/base/options.h"

namespace mil {

/// How a slide classifier is trained, whatever the method. The optimiser is Adam.
struct TrainOptions {
  std::string method = "ce";
  std::string base = "abmil";
  std::int64_t epochs = 200;
  double learning_rate = 2e-4;
  std::string learning_rate_schedule = "constant";
  double weight_decay = 1e-5;
  std::int64_t batch_bags = 1;
  std::int64_t bag_instances = 0;
  std::string class_weights = "none";
  double focal_gamma = 0;
  bool balanced_sampling = false;
  std::string monitor = "loss";
  std::int64_t patience = 20;
  std::int64_t min_epochs = 50;
  std::string threshold = "fixed";
  std::int64_t memory_mb = 2048;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, TrainOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("method", options.method,
        FieldInfo{.help = "Training method: ce (cross-entropy), scmil (contrastive first), mhim (hard "
                          "instances by a teacher's mask), ins (instance labels)",
                  .choices = {"ce", "scmil", "mhim", "ins"}});
  field("base", options.base,
        FieldInfo{.help = "Aggregator that is trained",
                  .choices = {"abmil", "mean", "max", "transmil", "dsmil", "clam_sb", "clam_mb"}});
  field("epochs", options.epochs, FieldInfo{.help = "Most epochs", .min = 1, .max = 100000});
  field("learning_rate", options.learning_rate, FieldInfo{.help = "Adam's step", .min = 1e-8, .max = 1});
  field("learning_rate_schedule", options.learning_rate_schedule,
        FieldInfo{.help = "constant, or half a cosine to 0 over the epochs",
                  .choices = {"constant", "cosine"}});
  field("weight_decay", options.weight_decay,
        FieldInfo{.help = "L2 added to the gradient", .min = 0, .max = 1});
  field("batch_bags", options.batch_bags,
        FieldInfo{.unit = "bags", .help = "Bags per step, over all processes", .min = 1, .max = 10000});
  field("bag_instances", options.bag_instances,
        FieldInfo{.unit = "tiles",
                  .help = "Most tiles of a bag per training step, drawn anew each time; 0 takes all",
                  .min = 0,
                  .max = 1e9});
  field("class_weights", options.class_weights,
        FieldInfo{.help = "Weight of each class in the loss: none, balanced (inverse frequency), or a "
                          "number per class in the order of the class names, such as 1,2.5"});
  field("focal_gamma", options.focal_gamma,
        FieldInfo{
            .help = "Focal loss: (1 - p)^gamma times the cross-entropy; 0 is plain", .min = 0, .max = 10});
  field("balanced_sampling", options.balanced_sampling,
        FieldInfo{.help = "Draw training bags with replacement, every class alike"});
  field("monitor", options.monitor,
        FieldInfo{.help = "Validation value that picks the epoch; auc decides ties by loss",
                  .choices = {"loss", "auc"}});
  field(
      "patience", options.patience,
      FieldInfo{.unit = "epochs", .help = "Stop after so many without improvement", .min = 1, .max = 100000});
  field("min_epochs", options.min_epochs,
        FieldInfo{.unit = "epochs", .help = "Never stop before", .min = 0, .max = 100000});
  field("threshold", options.threshold,
        FieldInfo{.help = "Threshold of two classes, stored in the package: fixed (the likeliest class), or "
                          "youden (most sensitivity and specificity on the validation part)",
                  .choices = {"fixed", "youden"}});
  field("memory_mb", options.memory_mb,
        FieldInfo{.unit = "MB",
                  .help = "Bags kept in memory between epochs; the rest is read again",
                  .min = 0,
                  .max = 1e7});
}

}  // namespace mil
