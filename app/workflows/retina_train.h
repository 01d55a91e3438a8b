#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>
#include <vector>

#include "app/workflows/analyze.h"
#include "app/workflows/retina_cohort.h"
#include "app/workflows/retina_metrics.h"
#include "app/workflows/run_environment.h"
#include "imaging/base/job.h"
#include "models/retina/training_plan.h"

namespace workflows {

/// What the manifest and card of a new grader say, beside what the training knows itself.
struct RetinaCard {
  std::string name = {};  ///< empty: the out folder's
  std::string training_data = "not stated";
  std::string licence = "not stated";
  std::string limitations = "not assessed outside its own data";
  std::string card_text = {};  ///< Markdown file whose text the card ends with; empty for none
  double referable_threshold = 0.5;
  double min_confidence = 0;
  bool half = false;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, RetinaCard>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("name", options.name, FieldInfo{.help = "Name of the package; by default the folder's"});
  field("training_data", options.training_data,
        FieldInfo{.help = "What the photographs come from, for the model card"});
  field("licence", options.licence, FieldInfo{.help = "Licence of the package"});
  field("limitations", options.limitations,
        FieldInfo{.help = "What the package is not good for, for the card"});
  field("card_text", options.card_text, FieldInfo{.help = "Markdown file whose text the card ends with"});
  field("referable_threshold", options.referable_threshold,
        FieldInfo{.help = "Referable score from which an eye is called referable", .min = 0.001, .max = 1});
  field("min_confidence", options.min_confidence,
        FieldInfo{.help = "Confidence below which the package abstains; 0: never", .min = 0, .max = 1});
  field("half", options.half, FieldInfo{.help = "Store the weights as float16"});
}

/// One training with all that it needs to be known again.
struct RetinaRun {
  std::filesystem::path out;
  std::vector<std::string> sources;         ///< domains to train on, in the order of their numbers
  std::vector<RetinaPhotograph> training;   ///< their parts train and crossval
  std::vector<RetinaPhotograph> test = {};  ///< of other domains; may be empty
  models::RetinaTrainingPlan plan;
  RetinaCard card = {};
  std::uint64_t seed = 0;
};

/// Trains by `run` and writes its folder:
///
///     config.json      plan, seed and the identity of the photographs
///     checkpoint/      while it trains; the same run again goes on from there
///     model/           the package with its card
///     predictions.csv  validation and test photographs
///     curves.csv, curves.svg
///     metrics.json     written last: where it is, the run is finished and nothing is done again
///
/// @return  metrics.json; `was_finished` true where nothing was left to do
/// @throws imaging::Error  `invalid_argument` where `out` holds another run, naming the first difference; as
/// train_grader; imaging::Cancelled.
nlohmann::ordered_json run_retina_training(const RetinaRun& run, RetinaPictures& pictures,
                                           const RunEnvironment& environment, const imaging::JobContext& job);

struct RetinaTrainRequest {
  RetinaDataOptions data;
  std::filesystem::path out;
  RetinaCard card;
  models::RetinaTrainingPlan plan;
  ReadingOptions reading;
  RuntimeOptions runtime;
};

/// `tessera retina train`: all domains of the data are sources.
/// @return  as run_retina_training, with `skipped` photographs
nlohmann::ordered_json train_retina(const RetinaTrainRequest& request, const imaging::JobContext& job);

/// Says aloud which photographs were left out.
void log_skipped(const RetinaCohort& cohort);
/// [{"id", "reason"}]
[[nodiscard]] nlohmann::ordered_json skipped_json(const RetinaCohort& cohort);

}  // namespace workflows
