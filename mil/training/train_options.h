#pragma once

#include <concepts>
#include <cstdint>
#include <string>

#include "imaging/base/options.h"

namespace mil {

/// How a slide classifier is trained. One bag per step, Adam, constant learning rate.
struct TrainOptions {
  std::string method = "ce";
  std::string base = "abmil";
  std::int64_t epochs = 200;
  double learning_rate = 2e-4;
  double weight_decay = 1e-5;
  std::string monitor = "loss";
  std::int64_t patience = 20;
  std::int64_t min_epochs = 50;
  std::int64_t memory_mb = 4096;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, TrainOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("method", options.method,
        FieldInfo{.help = "Training method: ce (cross-entropy)", .choices = {"ce"}});
  field("base", options.base, FieldInfo{.help = "Aggregator that is trained", .choices = {"abmil"}});
  field("epochs", options.epochs, FieldInfo{.help = "Most epochs", .min = 1, .max = 100000});
  field("learning_rate", options.learning_rate, FieldInfo{.help = "Adam's step", .min = 1e-8, .max = 1});
  field("weight_decay", options.weight_decay,
        FieldInfo{.help = "L2 added to the gradient", .min = 0, .max = 1});
  field("monitor", options.monitor,
        FieldInfo{.help = "Validation value that picks the epoch; auc decides ties by loss",
                  .choices = {"loss", "auc"}});
  field(
      "patience", options.patience,
      FieldInfo{.unit = "epochs", .help = "Stop after so many without improvement", .min = 1, .max = 100000});
  field("min_epochs", options.min_epochs,
        FieldInfo{.unit = "epochs", .help = "Never stop before", .min = 0, .max = 100000});
  field("memory_mb", options.memory_mb,
        FieldInfo{.unit = "MB",
                  .help = "Bags kept in memory between epochs; the rest is read again",
                  .min = 0,
                  .max = 1e7});
}

}  // namespace mil
