#include "app/workflows/retina_metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>

#include "app/workflows/batch.h"
#include "imaging/base/csv.h"
#include "imaging/base/files.h"
#include "models/runtime/grading_metrics.h"
#include "models/runtime/metrics.h"
#include "models/runtime/statistics.h"

namespace workflows {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kGrades = 5, kRisks = 3, kReferable = 2;

/// Labelled probabilities of C classes.
struct Cases {
  std::int64_t class_count = kGrades;
  std::vector<double> probabilities = {};
  std::vector<std::int64_t> labels = {};
  std::vector<std::string> patients = {};

  [[nodiscard]] Cases resampled(std::span<const std::int64_t> weights) const {
    Cases sample{.class_count = class_count};
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const auto row = probabilities.begin() + static_cast<std::ptrdiff_t>(i) * class_count;
      for (std::int64_t k = 0; k < weights[i]; ++k) {
        sample.labels.push_back(labels[i]);
        sample.probabilities.insert(sample.probabilities.end(), row, row + class_count);
      }
    }
    return sample;
  }
  [[nodiscard]] models::ConfusionMatrix confusion() const {
    return models::count_confusion(labels, models::argmax_rows(probabilities, class_count), class_count);
  }
};

/// Referable or not, and its score.
struct Referable {
  std::vector<double> scores;
  std::vector<std::int64_t> positives;

  explicit Referable(const Cases& cases) {
    for (std::size_t i = 0; i < cases.labels.size(); ++i) {
      const auto* row = cases.probabilities.data() + i * kGrades;
      scores.push_back(row[2] + row[3] + row[4]);
      positives.push_back(cases.labels[i] >= kReferable ? 1 : 0);
    }
  }
  /// Share of the eyes of one kind that the threshold calls so.
  [[nodiscard]] std::optional<double> rate(bool is_positive, double threshold) const {
    std::int64_t all = 0, right = 0;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      if ((positives[i] == 1) != is_positive) continue;
      ++all;
      right += (scores[i] >= threshold) == is_positive ? 1 : 0;
    }
    if (all == 0) return std::nullopt;
    return static_cast<double>(right) / static_cast<double>(all);
  }
};

using Measure = std::function<std::optional<double>(const Cases&)>;

const std::vector<std::pair<std::string, Measure>>& plain_measures() {
  static const std::vector<std::pair<std::string, Measure>> measures{
      {"auc",
       [](const Cases& c) { return models::one_vs_one_auc(c.probabilities, c.labels, c.class_count); }},
      {"accuracy", [](const Cases& c) { return std::optional(c.confusion().accuracy()); }},
      {"macro_f1", [](const Cases& c) { return std::optional(c.confusion().macro_f1()); }},
      {"kappa",
       [](const Cases& c) { return models::cohen_kappa(c.confusion(), models::KappaWeights::quadratic); }},
      {"ece",
       [](const Cases& c) {
         return std::optional(models::calibration_error(c.probabilities, c.labels, c.class_count));
       }},
      {"nll",
       [](const Cases& c) {
         return std::optional(models::negative_log_likelihood(c.probabilities, c.labels, c.class_count));
       }},
      {"referable_auc", [](const Cases& c) {
         const Referable referable(c);
         return models::roc_auc(referable.scores, referable.positives);
       }}};
  return measures;
}

void put(Json& json, const std::string& name, const Cases& cases, const std::vector<std::int64_t>& groups,
         std::uint64_t seed, const Measure& measure) {
  const auto value = measure(cases);
  json[name] = value ? Json(*value) : Json();
  if (!value) return;
  const auto interval = models::bootstrap_interval(
      groups, {.seed = seed},
      [&](std::span<const std::int64_t> weights) { return measure(cases.resampled(weights)); });
  if (interval) json["intervals"][name] = {interval->low, interval->high};
}

std::string number(const std::optional<double>& value) {
  return value ? fmt::format("{:.6g}", *value) : "";
}

}  // namespace

std::vector<RetinaPrediction> grade_photographs(models::RetinaGrader& grader,
                                                const std::vector<RetinaPhotograph>& photographs,
                                                RetinaPictures& pictures, const imaging::JobContext& job) {
  std::vector<RetinaPrediction> predictions;
  for (const auto& photograph : photographs) {
    job.checkpoint("grading", std::ssize(predictions), std::ssize(photographs));
    RetinaPrediction made{.id = photograph.id,
                          .domain = photograph.domain,
                          .part = photograph.part,
                          .patient = photograph.patient,
                          .label = photograph.label,
                          .oedema = photograph.oedema};
    BatchRow row;
    run_row(row, [&](BatchRow&) {
      const auto picture = pictures.read(photograph);
      const auto grade = grader.grade({&picture, 1}).front();
      made.probabilities = grade.probabilities;
      made.oedema_probabilities = grade.oedema_probabilities;
      if (grade.out_of_distribution) made.ood = grade.out_of_distribution->score;
    });
    made.reason = hide_place(row.reason, {.path = photograph.path, .relative = photograph.id});
    predictions.push_back(std::move(made));
  }
  return predictions;
}

Json measure_grading(const std::vector<RetinaPrediction>& predictions, double threshold, std::uint64_t seed) {
  Cases grades, risks{.class_count = kRisks};
  for (const auto& made : predictions) {
    if (made.probabilities.size() != kGrades) continue;
    grades.labels.push_back(made.label);
    grades.patients.push_back(made.patient);
    grades.probabilities.insert(grades.probabilities.end(), made.probabilities.begin(),
                                made.probabilities.end());
    if (!made.oedema || made.oedema_probabilities.size() != kRisks) continue;
    risks.labels.push_back(*made.oedema);
    risks.patients.push_back(made.patient);
    risks.probabilities.insert(risks.probabilities.end(), made.oedema_probabilities.begin(),
                               made.oedema_probabilities.end());
  }
  if (grades.labels.empty()) return {};
  const auto groups = models::group_numbers(grades.patients);
  const auto confusion = grades.confusion();
  Json json{
      {"cases", grades.labels.size()}, {"referable_threshold", threshold}, {"intervals", Json::object()}};
  for (const auto& [name, measure] : plain_measures()) put(json, name, grades, groups, seed, measure);
  put(json, "sensitivity", grades, groups, seed,
      [&](const Cases& cases) { return Referable(cases).rate(true, threshold); });
  put(json, "specificity", grades, groups, seed,
      [&](const Cases& cases) { return Referable(cases).rate(false, threshold); });
  if (!risks.labels.empty()) {
    const auto risk_groups = models::group_numbers(risks.patients);
    put(json, "oedema_auc", risks, risk_groups, seed, plain_measures()[0].second);
    put(json, "oedema_accuracy", risks, risk_groups, seed, plain_measures()[1].second);
  }
  auto rows = Json::array();
  for (std::int64_t truth = 0; truth < kGrades; ++truth) {
    auto& row = rows.emplace_back(Json::array());
    for (std::int64_t said = 0; said < kGrades; ++said) row.push_back(confusion.at(truth, said));
  }
  json["confusion"] = rows;
  return json;
}

const std::vector<std::string>& grading_columns() {
  static const std::vector<std::string> columns{"auc", "accuracy",      "macro_f1",    "kappa",
                                                "ece", "referable_auc", "sensitivity", "specificity"};
  return columns;
}

void write_retina_predictions(const std::filesystem::path& path,
                              const std::vector<RetinaPrediction>& predictions) {
  auto text = imaging::csv_line({"id", "domain", "part", "label", "grade", "p0", "p1", "p2", "p3", "p4", "d0",
                                 "d1", "d2", "referable_score", "out_of_distribution", "reason"});
  for (const auto& made : predictions) {
    std::vector<std::string> cells{made.id, made.domain, made.part, std::to_string(made.label)};
    const auto& p = made.probabilities;
    const bool is_graded = p.size() == kGrades;
    cells.push_back(is_graded ? std::to_string(models::argmax_rows(p, kGrades).front()) : "");
    for (std::size_t k = 0; k < kGrades; ++k) cells.push_back(is_graded ? number(p[k]) : "");
    const auto& risks = made.oedema_probabilities;
    for (std::size_t k = 0; k < kRisks; ++k) cells.push_back(risks.size() == kRisks ? number(risks[k]) : "");
    cells.push_back(is_graded ? number(p[2] + p[3] + p[4]) : "");
    cells.push_back(number(made.ood));
    cells.push_back(made.reason);
    text += imaging::csv_line(cells);
  }
  imaging::write_file(path, text);
}

}  // namespace workflows
