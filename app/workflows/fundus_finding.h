#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "imaging/base/geometry.h"
#include "imaging/fundus/field_of_view.h"
#include "imaging/fundus/quality.h"

namespace workflows {

/// The verdict on a photograph that is too poor to grade: an outcome of its own, never a grade.
inline constexpr const char* kUngradable = "ungradable";

/// Risk of macular oedema, where the grader has a head for it: no_risk, moderate_risk, high_risk.
struct OedemaRisk {
  std::vector<std::pair<std::string, double>> probabilities;  ///< in the model's class order
  std::string risk;                                           ///< the most probable class
};

/// What is derived from the five probabilities.
struct RetinopathyScores {
  double confidence = 0;       ///< calibrated probability of the likeliest grade
  double referable_score = 0;  ///< p2 + p3 + p4
  double referable_threshold = 0.5;
  std::string threshold_from;                       ///< "default", "the package" or "--referable-threshold"
  std::optional<bool> is_referable = std::nullopt;  ///< score >= threshold; absent where the model abstains
  double vision_threatening = 0;                    ///< p3 + p4
  double expected_grade = 0;                        ///< sum of k p_k
};

/// What a photograph of the retina has besides what every case has: the content of result.json's `fundus`.
struct FundusFinding {
  std::string eye_source;      ///< "table", "file", "file name" or empty where the eye is not known
  std::string patient_source;  ///< "table", "file name" or empty
  imaging::FieldOfView field;
  imaging::FundusQuality quality;
  bool is_overridden = false;               ///< ungradable by the gate, graded all the same, as asked for
  std::optional<RetinopathyScores> scores;  ///< absent where nothing was graded
  std::optional<OedemaRisk> oedema;
  imaging::PointD evidence_origin_l0;  ///< top left corner of attention.ome.tif in the photograph
};

[[nodiscard]] nlohmann::ordered_json to_json(const FundusFinding& finding);
/// @throws nlohmann::json::exception where a key is missing or of another type.
[[nodiscard]] FundusFinding fundus_finding_from_json(const nlohmann::json& json);

/// A grade as a clinician reads it.
struct GradeWords {
  std::string title;    ///< "Moderate non-proliferative diabetic retinopathy"
  std::string brief;    ///< "Moderate NPDR"
  std::string meaning;  ///< what the grade stands for, a sentence
};

/// Words of the ICDR scale for `nodr`, `mild_npdr`, `moderate_npdr`, `severe_npdr`, `pdr` and for
/// kUngradable; a name that is none of them is its own title.
/// @par Reference  [wilkinson2003]
[[nodiscard]] GradeWords grade_words(const std::string& name);

}  // namespace workflows
