#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "app/workflows/analyze.h"
#include "app/workflows/mil_cohort.h"
#include "imaging/base/job.h"
#include "imaging/base/options.h"
#include "mil/training/training_plan.h"

namespace workflows {

/// What the model card says of a new package, beside what the training knows itself.
struct MilCard {
  std::string name;  ///< empty: the out folder's
  std::string training_data = "not stated";
  std::string licence = "not stated";
};

/// How patients are dealt where no split is given.
struct SplitOptions {
  double validation_share = 0.15;
  double test_share = 0.15;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, SplitOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("validation_share", options.validation_share,
        FieldInfo{.help = "Share of every class's patients that stops the training, without --split",
                  .min = 0,
                  .max = 0.9});
  field("test_share", options.test_share,
        FieldInfo{.help = "Share of every class's patients kept for the test, without --split",
                  .min = 0,
                  .max = 0.9});
}

struct MilTrainRequest {
  MilData data;
  std::optional<std::filesystem::path> split;  ///< CLAM's splits_k.csv
  std::filesystem::path out;
  MilCard card;
  SplitOptions split_options;
  mil::TrainingPlan plan;
  RuntimeOptions runtime;
};

/// Trains a slide classifier into a run folder (`run_training`). The same request again goes on where the
/// last one stopped.
/// @return  metrics.json, and `was_finished`
/// @throws Error as read_cohort, fit_split, run_training; Cancelled.
nlohmann::ordered_json train_mil(const MilTrainRequest& request, const imaging::JobContext& job);

struct CrossvalOptions {
  std::int64_t folds = 5;
  std::int64_t repeats = 1;
  double validation_share = 0.15;
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, CrossvalOptions>
void visit_fields(Visitor&& field, Options& options) {
  using imaging::FieldInfo;
  field("folds", options.folds, FieldInfo{.help = "Test parts, without --splits", .min = 2, .max = 1000});
  field("repeats", options.repeats,
        FieldInfo{.help = "Times the patients are dealt anew, without --splits; repeat r has seed + r",
                  .min = 1,
                  .max = 1000});
  field("validation_share", options.validation_share,
        FieldInfo{
            .help = "Share of the other patients of every class that stops the training, without --splits",
            .min = 0,
            .max = 0.9});
}

struct MilCrossvalRequest {
  MilData data;
  std::optional<std::filesystem::path> splits;  ///< folder of CLAM's splits_k.csv
  std::filesystem::path out;
  MilCard card;
  CrossvalOptions options;
  mil::TrainingPlan plan;
  RuntimeOptions runtime;
};

/// Trains and tests once per fold. Writes OUT/splits/splits_k.csv, a run folder OUT/fold_k each, the tested
/// bags of all folds as OUT/predictions.csv, a row per fold with mean and sample standard deviation as
/// OUT/metrics.csv, and OUT/metrics.json, which also holds the pooled predictions' metrics with intervals for
/// every repeat. Goes on fold by fold; within a repeat every fold starts from the same weights (the run's
/// seed), so that the packages can be averaged by `tessera model soup`.
///
/// Stages reported to `job`: those of `run_training`, preceded by "fold k of n: ".
/// @return  metrics.json
/// @throws Error `not_found` where a given folder holds no splits_k.csv; as read_cohort, fit_split,
/// make_folds, run_training; Cancelled.
nlohmann::ordered_json crossval_mil(const MilCrossvalRequest& request, const imaging::JobContext& job);

}  // namespace workflows
