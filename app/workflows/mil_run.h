#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "app/workflows/mil_cohort.h"
#include "app/workflows/mil_predictions.h"
#include "app/workflows/mil_train.h"
#include "app/workflows/run_environment.h"
#include "imaging/base/job.h"
#include "mil/training/trainer.h"

namespace workflows {

/// One training with all that it needs to be known again.
struct MilRun {
  std::filesystem::path out;
  mil::Split split;
  mil::TrainingPlan plan;
  std::uint64_t seed = 0;
  mil::PackageTexts texts;
};

/// Trains by `run` and writes its folder:
///
///     config.json      plan, seed and the identity of cohort and split; with splits.csv the first to be
///                      written, after an epoch: a run that fails before leaves nothing
///     splits.csv       CLAM's form
///     checkpoint/      while it trains; the same run again goes on from there
///     model/           the package with its card
///     predictions.csv  every bag with its part
///     curves.csv, curves.svg
///     metrics.json     written last: where it is, the run is finished and nothing is done again
///
/// With several processes each calls this, and rank 0 writes.
/// @param on_epoch  called where the rank is 0
/// @return  metrics.json; `was_finished` true where nothing was left to do. Empty where the rank is not 0.
/// @throws imaging::Error  `invalid_argument` where `out` holds a run of another plan, seed, cohort or split,
/// naming the first difference and the cure; as train_classifier; imaging::Cancelled.
nlohmann::ordered_json run_training(const MilRun& run, const MilCohort& cohort,
                                    const RunEnvironment& environment, mil::ProcessGroup& processes,
                                    const imaging::JobContext& job, const mil::OnEpoch& on_epoch = {});

/// @throws imaging::Error  `invalid_argument` where `out` holds another run than `identity` describes, naming
/// the first difference and the cure, or something of no run that this one would overwrite.
/// @param results  names in `out` that the run writes
void check_run_folder(const std::filesystem::path& out, const nlohmann::ordered_json& identity,
                      const std::vector<std::string>& results);

/// OUT/config.json: the identity, the version and the start; nothing where it is there.
void write_run_config(const std::filesystem::path& out, const nlohmann::ordered_json& identity);

/// The card of a package in `out`: without a name, the folder's.
[[nodiscard]] mil::PackageTexts package_texts(const MilCard& card, const std::filesystem::path& out);

/// Patients by id, for bootstrap intervals.
[[nodiscard]] std::map<std::string, std::string> patients_of(const MilCohort& cohort);

}  // namespace workflows
