#include "app/workflows/fundus_finding.h"

#include <array>

namespace workflows {
namespace {

using Json = nlohmann::ordered_json;

struct Measure {
  const char* name;
  double imaging::FundusMeasures::*value;
};
constexpr std::array kMeasures{Measure{"exposure", &imaging::FundusMeasures::exposure},
                               Measure{"clipped", &imaging::FundusMeasures::clipped},
                               Measure{"evenness", &imaging::FundusMeasures::evenness},
                               Measure{"focus", &imaging::FundusMeasures::focus},
                               Measure{"vessel_contrast", &imaging::FundusMeasures::vessel_contrast},
                               Measure{"seen", &imaging::FundusMeasures::seen},
                               Measure{"offset", &imaging::FundusMeasures::offset},
                               Measure{"diameter_px", &imaging::FundusMeasures::diameter_px}};

Json quality_json(const FundusFinding& finding) {
  const auto& quality = finding.quality;
  Json measures = Json::object();
  for (const auto& measure : kMeasures) measures[measure.name] = quality.measures.*measure.value;
  return {{"verdict", quality.verdict},           {"score", quality.score},
          {"illumination", quality.illumination}, {"sharpness", quality.sharpness},
          {"coverage", quality.coverage},         {"reasons", quality.reasons},
          {"overridden", finding.is_overridden},  {"measures", std::move(measures)}};
}

imaging::FundusQuality quality_from_json(const nlohmann::json& json) {
  imaging::FundusQuality quality;
  json.at("verdict").get_to(quality.verdict);
  json.at("score").get_to(quality.score);
  json.at("illumination").get_to(quality.illumination);
  json.at("sharpness").get_to(quality.sharpness);
  json.at("coverage").get_to(quality.coverage);
  json.at("reasons").get_to(quality.reasons);
  for (const auto& measure : kMeasures)
    json.at("measures").at(measure.name).get_to(quality.measures.*measure.value);
  return quality;
}

}  // namespace

Json to_json(const FundusFinding& finding) {
  const auto& field = finding.field;
  Json json{{"eye_source", finding.eye_source},
            {"patient_source", finding.patient_source},
            {"field",
             {{"method", field.method},
              {"centre", {field.centre.x, field.centre.y}},
              {"radius", field.radius},
              {"box", {field.box.x, field.box.y, field.box.width, field.box.height}}}},
            {"quality", quality_json(finding)},
            {"evidence_origin_l0", {finding.evidence_origin_l0.x, finding.evidence_origin_l0.y}},
            {"scores", Json()},
            {"macular_oedema", Json()}};
  if (const auto& scores = finding.scores) {
    json["scores"] = {{"confidence", scores->confidence},
                      {"referable", scores->is_referable ? Json(*scores->is_referable) : Json()},
                      {"referable_score", scores->referable_score},
                      {"referable_threshold", scores->referable_threshold},
                      {"referable_threshold_from", scores->threshold_from},
                      {"vision_threatening", scores->vision_threatening},
                      {"expected_grade", scores->expected_grade}};
  }
  if (const auto& oedema = finding.oedema) {
    Json names = Json::array();
    Json probabilities = Json::object();
    for (const auto& [name, value] : oedema->probabilities) {
      names.push_back(name);
      probabilities[name] = value;
    }
    json["macular_oedema"] = {{"risk", oedema->risk},
                              {"class_names", std::move(names)},
                              {"probabilities", std::move(probabilities)}};
  }
  return json;
}

FundusFinding fundus_finding_from_json(const nlohmann::json& json) {
  FundusFinding finding;
  json.at("eye_source").get_to(finding.eye_source);
  json.at("patient_source").get_to(finding.patient_source);
  const auto& field = json.at("field");
  field.at("method").get_to(finding.field.method);
  finding.field.centre = {field.at("centre").at(0).get<double>(), field.at("centre").at(1).get<double>()};
  field.at("radius").get_to(finding.field.radius);
  const auto& box = field.at("box");
  finding.field.box = {box.at(0).get<double>(), box.at(1).get<double>(), box.at(2).get<double>(),
                       box.at(3).get<double>()};
  finding.quality = quality_from_json(json.at("quality"));
  json.at("quality").at("overridden").get_to(finding.is_overridden);
  const auto& origin = json.at("evidence_origin_l0");
  finding.evidence_origin_l0 = {origin.at(0).get<double>(), origin.at(1).get<double>()};
  if (const auto& stored = json.at("scores"); !stored.is_null()) {
    RetinopathyScores scores;
    stored.at("confidence").get_to(scores.confidence);
    if (!stored.at("referable").is_null()) scores.is_referable = stored.at("referable").get<bool>();
    stored.at("referable_score").get_to(scores.referable_score);
    stored.at("referable_threshold").get_to(scores.referable_threshold);
    stored.at("referable_threshold_from").get_to(scores.threshold_from);
    stored.at("vision_threatening").get_to(scores.vision_threatening);
    stored.at("expected_grade").get_to(scores.expected_grade);
    finding.scores = std::move(scores);
  }
  if (const auto& stored = json.at("macular_oedema"); !stored.is_null()) {
    OedemaRisk oedema;
    stored.at("risk").get_to(oedema.risk);
    for (const auto& name : stored.at("class_names").get<std::vector<std::string>>())
      oedema.probabilities.emplace_back(name, stored.at("probabilities").at(name).get<double>());
    finding.oedema = std::move(oedema);
  }
  return finding;
}

GradeWords grade_words(const std::string& name) {
  struct Row {
    std::string_view name, title, brief, meaning;
  };
  static constexpr std::array<Row, 6> kRows{{
      {"nodr", "No apparent diabetic retinopathy", "No apparent DR",
       "No abnormality of diabetic retinopathy."},
      {"mild_npdr", "Mild non-proliferative diabetic retinopathy", "Mild NPDR", "Microaneurysms only."},
      {"moderate_npdr", "Moderate non-proliferative diabetic retinopathy", "Moderate NPDR",
       "More than microaneurysms, less than the severe form."},
      {"severe_npdr", "Severe non-proliferative diabetic retinopathy", "Severe NPDR",
       "Many haemorrhages in every quadrant, venous beading in two, or IRMA in one; no proliferative sign."},
      {"pdr", "Proliferative diabetic retinopathy", "Proliferative DR",
       "New vessels, or vitreous or preretinal haemorrhage."},
      {kUngradable, "Ungradable photograph", "Ungradable", "The photograph is too poor to be graded."},
  }};
  for (const auto& row : kRows) {
    if (row.name == name) return {std::string(row.title), std::string(row.brief), std::string(row.meaning)};
  }
  return {name, name, ""};
}

}  // namespace workflows
