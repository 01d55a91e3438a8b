#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>
#include <vector>

#include "app/workflows/retina_train.h"

namespace workflows {

struct RetinaProtocolOptions {
  std::string protocol = "dg";
  std::vector<std::string> methods;  ///< empty: the plan's
  std::int64_t repeats = 1;
  std::int64_t folds = 5;
  std::string baseline;
  std::int64_t baseline_input = 224;
  double threshold = 0.5;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, RetinaProtocolOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field(
      "protocol", options.protocol,
      FieldInfo{.help = "dg: leave one domain out; esdg: one source, all others are targets; crossval: folds "
                        "over the patients of all domains together",
                .choices = {"dg", "esdg", "crossval"}});
  field("methods", options.methods,
        FieldInfo{.help = "Methods to compare; default: the one of --method",
                  .choices = {"erm", "gdrnet", "deco"}});
  field("repeats", options.repeats,
        FieldInfo{
            .help = "Seeds, from --seed on; tables give mean and spread over them", .min = 1, .max = 1000});
  field("folds", options.folds, FieldInfo{.help = "crossval: number of folds", .min = 2, .max = 100});
  field("baseline", options.baseline,
        FieldInfo{.help =
                      "Weights of a frozen backbone (as --weights): adds a row of logistic regression on its "
                      "features of the cropped photograph"});
  field("baseline_input", options.baseline_input,
        FieldInfo{.unit = "px", .help = "Side of what the baseline sees", .min = 32, .max = 2048});
  field("threshold", options.threshold,
        FieldInfo{.help = "Referable score from which an eye is called referable", .min = 0.001, .max = 1});
}

struct RetinaEvaluateRequest {
  RetinaDataOptions data;
  std::filesystem::path out;
  std::string model;  ///< a package to evaluate as it is; empty: train by the protocol
  RetinaProtocolOptions protocol;
  models::RetinaTrainingPlan plan;
  ReadingOptions reading;
  RuntimeOptions runtime;
};

/// With `model`, grades all photographs of the data with that package. Else trains by the protocol, a run
/// folder for each in OUT/runs/<method>/<target>-<seed> (with esdg <source>), resumed as run_retina_training.
/// dg tests on all photographs of the target and validates on the sources' crossval part; esdg tests on those
/// of all other domains together; crossval deals the patients of all domains into folds, and
/// measures the folds' pooled predictions by domain (they are in OUT/predictions-<method>-<seed>.csv);
/// photographs with lesion masks are then in every training part and never tested, so that all folds share
/// what was learnt of lesions and no test photograph taught it.
///
/// Writes OUT/metrics.json, and OUT/table.csv and OUT/table.md with a row per method and target, the mean
/// over targets (unweighted) and, with repeats, mean and standard deviation over seeds; with `model` also
/// OUT/predictions.csv and, with `lesions`, `evidence` in metrics.json (score_evidence). A value that a
/// target does not define (a class is absent) is "not available", and is left out of no mean silently: the
/// mean says over how many targets it goes.
/// @return  metrics.json
/// @throws Error  `invalid_argument` with dg or esdg on fewer than two domains; as run_retina_training;
/// Cancelled.
nlohmann::ordered_json evaluate_retina(const RetinaEvaluateRequest& request, const imaging::JobContext& job);

}  // namespace workflows
