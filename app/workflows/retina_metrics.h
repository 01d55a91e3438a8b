#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "app/workflows/retina_cohort.h"
#include "models/retina/retina_grader.h"

namespace workflows {

/// What a grader said of a labelled photograph.
struct RetinaPrediction {
  std::string id, domain, part, patient;
  std::int64_t label = 0;
  std::optional<std::int64_t> oedema = {};
  std::vector<double> probabilities = {};         ///< 5; empty where it failed
  std::vector<double> oedema_probabilities = {};  ///< 3, or empty
  std::optional<double> ood = {};
  std::string reason = {};  ///< why it failed; empty where it did not
};

/// Grades photographs one by one; what fails is a row with its reason.
/// Stage reported to `job`: "grading". @throws Cancelled
[[nodiscard]] std::vector<RetinaPrediction> grade_photographs(
    models::RetinaGrader& grader, const std::vector<RetinaPhotograph>& photographs, RetinaPictures& pictures,
    const imaging::JobContext& job);

/// The values of a grading, by name: auc (one-vs-one), accuracy, macro_f1, kappa (quadratic), ece,
/// referable_auc, sensitivity, specificity (of grade 2 or more at `threshold`), nll; where the oedema risk is
/// known, oedema_auc and oedema_accuracy. A value that is not defined (a class is absent) is null.
/// `intervals` holds the bootstrap's 95 %, resampled by patient.
/// @return  null where nothing was graded
[[nodiscard]] nlohmann::ordered_json measure_grading(const std::vector<RetinaPrediction>& predictions,
                                                     double threshold, std::uint64_t seed);

/// Names of the values of measure_grading that tables show, in their order.
[[nodiscard]] const std::vector<std::string>& grading_columns();

/// id, domain, part, label, grade, p0 to p4, d0 to d2 (oedema risk), referable_score, out_of_distribution,
/// reason.
void write_retina_predictions(const std::filesystem::path& path,
                              const std::vector<RetinaPrediction>& predictions);

}  // namespace workflows
