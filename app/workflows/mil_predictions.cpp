#include "app/workflows/mil_predictions.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "app/workflows/batch.h"
#include "imaging/base/csv.h"
#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/slide/file_scale.h"
#include "mil/bags/bag_store.h"
#include "models/runtime/metrics.h"
#include "models/runtime/statistics.h"

namespace workflows {
namespace fs = std::filesystem;
namespace {

using imaging::Error;
using imaging::ErrorCode;
using Json = nlohmann::ordered_json;

std::vector<std::string> header_of(const std::vector<std::string>& class_names) {
  std::vector<std::string> header{"id", "part", "label", "verdict"};
  for (const auto& name : class_names) header.push_back("probability_" + name);
  header.insert(header.end(), {"out_of_distribution", "tiles", "status", "reason"});
  return header;
}

/// The rows that metrics are of.
struct Judged {
  std::vector<std::int64_t> labels;
  std::vector<std::string> patients;
  std::vector<double> probabilities;  // [N, C]
  std::int64_t abstained = 0;
};

Judged judge(const std::vector<BagPrediction>& rows, const std::vector<std::string>& class_names,
             const std::map<std::string, std::string>& patient_of) {
  Judged judged;
  for (const auto& row : rows) {
    const auto label = std::find(class_names.begin(), class_names.end(), row.label);
    if (row.probabilities.empty() || label == class_names.end()) continue;
    const auto patient = patient_of.find(row.id);
    judged.labels.push_back(label - class_names.begin());
    judged.patients.push_back(patient == patient_of.end() ? row.id : patient->second);
    judged.probabilities.insert(judged.probabilities.end(), row.probabilities.begin(),
                                row.probabilities.end());
    judged.abstained += row.verdict == kAbstained ? 1 : 0;
  }
  return judged;
}

/// Another encoder's features of the same width would give numbers that mean nothing.
void check_encoder(const mil::BagClassifier& classifier, const fs::path& bag_file) {
  const auto wanted = classifier.encoder_sha256();
  auto attributes = mil::read_bag_attributes(bag_file);
  const auto& stated = attributes["encoder_sha256"];
  if (wanted.empty() || stated.empty() || stated == wanted) return;
  throw Error(
      ErrorCode::incompatible,
      fmt::format("{}: its features are of the encoder '{}' (sha256 {:.12}), the classifier takes those "
                  "of {:.12}; encode the slide with that one.",
                  bag_file.string(), attributes["encoder"], stated, wanted));
}

}  // namespace

BagPrediction classify_bag(mil::BagClassifier& classifier, const DecisionRule& rule,
                           const std::vector<std::string>& class_names, const std::string& id,
                           const std::vector<fs::path>& files, const OnPrediction& on_prediction) {
  BatchRow row;
  BagPrediction made;
  run_row(row, [&](BatchRow&) {
    const auto bag = mil::read_bag(id, files);
    check_encoder(classifier, files.front());
    made.tiles = bag.count;
    const auto prediction = classifier.predict(bag);
    made.probabilities = prediction.probabilities;
    if (prediction.out_of_distribution) made.ood = prediction.out_of_distribution->score;
    const auto decision = decide(rule_for(rule, prediction), prediction.probabilities, made.ood);
    made.verdict = decision.verdict(class_names);
    made.reason = decision.abstention;
    if (on_prediction) on_prediction(bag, prediction);
  });
  made.id = id;
  made.status = row.status.empty() ? "done" : row.status;
  if (made.status == "failed") {
    made.probabilities.clear();
    made.verdict.clear();
    made.reason_code = row.reason_code;
    made.reason = row.reason;
    for (const auto& path : files)
      made.reason = hide_place(made.reason, {.path = path, .relative = path.filename().string()});
  }
  return made;
}

void write_predictions(const fs::path& path, const std::vector<BagPrediction>& rows,
                       const std::vector<std::string>& class_names) {
  auto text = imaging::csv_line(header_of(class_names));
  for (const auto& row : rows) {
    std::vector<std::string> cells{row.id, row.part, row.label, row.verdict};
    for (std::size_t c = 0; c < class_names.size(); ++c)
      cells.push_back(row.probabilities.empty() ? "" : fmt::format("{}", row.probabilities[c]));
    cells.insert(cells.end(), {row.ood ? fmt::format("{}", *row.ood) : "", std::to_string(row.tiles),
                               row.status, row.reason});
    text += imaging::csv_line(cells);
  }
  imaging::write_file(path, text);
}

std::vector<BagPrediction> read_predictions(const fs::path& path,
                                            const std::vector<std::string>& class_names) {
  const auto csv = imaging::read_csv_with_header(path);
  if (csv.header != header_of(class_names)) {
    throw Error(ErrorCode::corrupt_data,
                fmt::format("{}: its columns are not those of a run with the classes {}; remove its folder "
                            "and run again.",
                            path.string(), fmt::join(class_names, ", ")));
  }
  std::vector<BagPrediction> rows;
  for (const auto& cells : csv.rows) {
    BagPrediction row;
    row.id = cells[0];
    row.part = cells[1];
    row.label = cells[2];
    row.verdict = cells[3];
    auto at = std::size_t{4};
    for (std::size_t c = 0; c < class_names.size(); ++c) {
      if (const auto value = imaging::parse_number(cells[at++])) row.probabilities.push_back(*value);
    }
    row.ood = imaging::parse_number(cells[at]);
    row.tiles = static_cast<std::int64_t>(imaging::parse_number(cells[at + 1]).value_or(0));
    row.status = cells[at + 2];
    row.reason = cells[at + 3];
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<BagPrediction> rows_of_part(const std::vector<BagPrediction>& rows, const std::string& part) {
  std::vector<BagPrediction> found;
  std::copy_if(rows.begin(), rows.end(), std::back_inserter(found),
               [&](const BagPrediction& row) { return row.part == part; });
  return found;
}

Json measure_predictions(const std::vector<BagPrediction>& rows, const std::vector<std::string>& class_names,
                         const DecisionRule& rule, const std::map<std::string, std::string>& patient_of,
                         std::uint64_t seed) {
  const auto judged = judge(rows, class_names, patient_of);
  if (judged.labels.empty()) return {};
  const models::ScoredCases cases(judged.probabilities, judged.labels,
                                  static_cast<std::int64_t>(class_names.size()), rule.threshold);
  auto json = models::metrics_to_json(cases.metrics(), class_names);
  json["threshold_from"] = rule.threshold ? rule.threshold_from : "fixed: the likeliest class";
  json["intervals"] = Json::object();
  for (const auto& [name, interval] :
       models::bootstrap_metrics(cases, models::group_numbers(judged.patients), {.seed = seed}))
    json["intervals"][name] = {interval.low, interval.high};
  json["abstained"] = judged.abstained;
  return json;
}

std::optional<double> youden_threshold_of(const std::vector<BagPrediction>& rows,
                                          const std::vector<std::string>& class_names) {
  const auto judged = judge(rows, class_names, {});
  return models::choose_threshold("youden", judged.probabilities, judged.labels,
                                  static_cast<std::int64_t>(class_names.size()));
}

}  // namespace workflows
