#include "app/report/fundus_words.h"

#include <fmt/format.h>

#include <algorithm>

namespace report {
namespace {

std::string by_source(const std::string& source) {
  if (source == "file") return "as the file says";
  if (source == "table") return "as the table says";
  if (source == "file name") return "by the file's name";
  return source;
}

double probability_of(const workflows::CaseResult& result, const std::string& name) {
  for (const auto& [other, probability] : result.probabilities) {
    if (other == name) return probability;
  }
  return 0;
}

std::string quality_text(const workflows::FundusFinding& finding) {
  const auto& quality = finding.quality;
  auto text = fmt::format("{} (light {:.2f}, sharpness {:.2f}, field {:.2f} of 1)", quality.verdict,
                          quality.illumination, quality.sharpness, quality.coverage);
  if (!quality.reasons.empty()) text += fmt::format(": {}", fmt::join(quality.reasons, "; "));
  if (finding.is_overridden) text += "; graded all the same, as asked for";
  return text;
}

std::string confidence_text(const workflows::CaseResult& result, double confidence) {
  auto text = percent_text(confidence);
  const auto& calibration = result.model_calibration;
  if (calibration.is_object() && calibration.contains("temperature") &&
      calibration["temperature"].is_number())
    text += fmt::format(", calibrated (temperature {:.3g})", calibration["temperature"].get<double>());
  return text;
}

}  // namespace

std::string eye_text(const workflows::CaseResult& result) {
  if (!result.laterality) return "not known";
  return fmt::format("{}, {}", *result.laterality == "R" ? "Right (OD)" : "Left (OS)",
                     by_source(result.fundus->eye_source));
}

std::string fundus_headline(const workflows::CaseResult& result) {
  if (result.verdict == workflows::kUngradable) return workflows::grade_words(*result.verdict).title;
  if (!result.abstention.empty()) return "No grade: the model abstains";
  return workflows::grade_words(result.verdict.value_or("")).title;
}

std::string fundus_explanation(const workflows::CaseResult& result) {
  if (result.verdict == workflows::kUngradable) {
    return fmt::format(
        "No grade: {}. Take the photograph again; where it stays clouded, a clinician should look at the "
        "eye, for "
        "haze can itself be a sign of disease.",
        fmt::join(result.fundus->quality.reasons, "; "));
  }
  const auto likeliest = result.shown_class();
  const auto words = workflows::grade_words(likeliest);
  const auto percent = percent_text(probability_of(result, likeliest));
  if (!result.abstention.empty())
    return fmt::format("{} The likeliest grade would be “{}”, with {}.", result.abstention, words.brief,
                       percent);
  return fmt::format("{} The most probable of {} grades, with {}.", words.meaning,
                     result.probabilities.size(), percent);
}

std::vector<Fact> fundus_findings(const workflows::CaseResult& result) {
  std::vector<Fact> facts;
  const auto& finding = *result.fundus;
  if (const auto& scores = finding.scores) {
    facts.push_back(
        {"Referable",
         fmt::format("{}: moderate or worse {}, referable from {} on",
                     scores->is_referable ? (*scores->is_referable ? "yes" : "no") : "not decided",
                     percent_text(scores->referable_score), percent_text(scores->referable_threshold))});
    facts.push_back(
        {"Sight at risk", fmt::format("severe or proliferative {}; expected grade {:.1f}",
                                      percent_text(scores->vision_threatening), scores->expected_grade)});
    if (const auto& oedema = finding.oedema) {
      double best = 0;
      for (const auto& [name, probability] : oedema->probabilities) best = std::max(best, probability);
      auto risk = oedema->risk;
      std::ranges::replace(risk, '_', ' ');
      facts.push_back(
          {"Macular oedema", fmt::format("{} by hard exudates near the macula (IDRiD's scale), with {}", risk,
                                         percent_text(best))});
    }
    facts.push_back({"Confidence", confidence_text(result, scores->confidence)});
  }
  facts.push_back({"Quality", quality_text(finding)});
  return facts;
}

std::vector<Fact> fundus_input(const workflows::CaseResult& result) {
  const auto& field = result.fundus->field;
  auto circle = field.method == "full frame"
                    ? std::string("fills the frame; its edge is not seen")
                    : fmt::format("a disc {:.0f} px wide ({})", 2 * field.radius,
                                  field.method == "gdrbench" ? "GDRBench's rule" : "a fitted circle");
  return {{"Eye", eye_text(result)}, {"Field of view", std::move(circle)}};
}

}  // namespace report
