#include "app/workflows/mil_predict.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "app/workflows/batch.h"
#include "app/workflows/mil_cohort.h"
#include "app/workflows/mil_deletion.h"
#include "app/workflows/mil_predictions.h"
#include "app/workflows/mil_run.h"
#include "app/workflows/model_registry.h"
#include "app/workflows/run_environment.h"
#include "app/workflows/tile_truth.h"
#include "imaging/base/csv.h"
#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/base/log.h"
#include "imaging/slide/file_scale.h"
#include "mil/bags/bag_store.h"
#include "models/runtime/metrics.h"

namespace workflows {
namespace fs = std::filesystem;
namespace {

using imaging::Error;
using imaging::ErrorCode;
using Json = nlohmann::ordered_json;

/// Tile scores against outlines.
class TileTruth {
 public:
  TileTruth(fs::path folder, std::string class_name)
      : folder_(std::move(folder)), class_name_(std::move(class_name)) {}

  /// Counts a slide's tiles where its truth exists and holds the class. The score is the last one of a tile:
  /// its only one, or that of the last class.
  void add(const fs::path& bag_path, const mil::Bag& bag, const mil::TileScores& scores) {
    const auto file = folder_ / (bag.id + ".geojson");
    if (!fs::exists(file)) return;
    const auto attributes = mil::read_bag_attributes(bag_path);
    const auto stated = attributes.find("patch_size_level0");
    if (stated == attributes.end()) {
      throw Error(ErrorCode::incompatible,
                  fmt::format("{}: no attribute patch_size_level0, so its tiles cannot be held against "
                              "outlines; encode the slides with tessera or TRIDENT.",
                              bag_path.string()));
    }
    const auto side = imaging::parse_number(stated->second).value_or(0);
    if (!(side > 0)) {
      throw Error(ErrorCode::corrupt_data,
                  fmt::format("{}: its attribute patch_size_level0 is '{}', not a number above 0.",
                              bag_path.string(), stated->second));
    }
    const auto labels = AnnotatedRegion::read(file, class_name_).label_tiles(bag.coords, {side, side});
    if (std::find(labels.begin(), labels.end(), 1) == labels.end()) return;
    const auto width = scores.names.size();
    std::vector<double> values;
    for (std::size_t i = 0; i < labels.size(); ++i)
      values.push_back(static_cast<double>(scores.values[i * width + width - 1]));
    if (const auto auc = models::roc_auc(values, labels)) {
      sum_ += *auc;
      ++slides_;
    }
    labels_.insert(labels_.end(), labels.begin(), labels.end());
    scores_.insert(scores_.end(), values.begin(), values.end());
  }

  [[nodiscard]] Json to_json() const {
    if (slides_ == 0) return {};
    const auto pooled = models::roc_auc(scores_, labels_);
    const auto positives = std::count(labels_.begin(), labels_.end(), 1);
    return {{"class", class_name_},
            {"slides", slides_},
            {"tiles", labels_.size()},
            {"positive_tiles", positives},
            {"pooled", pooled ? Json(*pooled) : Json()},
            {"mean", sum_ / static_cast<double>(slides_)}};
  }

 private:
  fs::path folder_;
  std::string class_name_;
  std::int64_t slides_ = 0;
  double sum_ = 0;
  std::vector<std::int64_t> labels_;
  std::vector<double> scores_;
};

void write_tile_scores(const fs::path& path, const mil::Bag& bag, const mil::TileScores& scores) {
  const auto width = scores.names.size();
  std::vector<std::string> cells{"x", "y"};
  cells.insert(cells.end(), scores.names.begin(), scores.names.end());
  auto text = imaging::csv_line(cells);
  for (std::size_t i = 0; i < static_cast<std::size_t>(bag.count); ++i) {
    cells = bag.coords.empty()
                ? std::vector<std::string>{"", ""}
                : std::vector{std::to_string(bag.coords[2 * i]), std::to_string(bag.coords[2 * i + 1])};
    for (std::size_t k = 0; k < width; ++k) cells.push_back(fmt::format("{}", scores.values[i * width + k]));
    text += imaging::csv_line(cells);
  }
  imaging::write_file(path, text);
}

/// The labelled bags and, unless only those are wanted, the others too.
MilCohort bags_of(const MilPredictRequest& request, const std::vector<std::string>& class_names) {
  MilCohort cohort;
  if (!request.labels) {
    if (request.group != "slide" || request.labelled_only) {
      throw Error(ErrorCode::invalid_argument,
                  "Which slides are a patient's, and what is true, is in the labels; give --labels.");
    }
    for (const auto& [id, path] : mil::find_bags(request.bags)) cohort.files[id] = {path};
    return cohort;
  }
  cohort = read_cohort(
      {.bags = request.bags, .labels = *request.labels, .classes = class_names, .group = request.group});
  if (!request.labelled_only && request.group == "slide") {
    for (const auto& [id, path] : mil::find_bags(request.bags)) cohort.files[id] = {path};
  }
  return cohort;
}

/// What a threshold of the test needs, before any bag is classified.
void check_two_classes(const MilCohort& cohort, const std::vector<std::string>& class_names) {
  std::set<std::string> labels;
  for (const auto& row : cohort.labels.rows) labels.insert(row.label);
  if (class_names.size() == 2 && labels.size() == 2) return;
  throw Error(ErrorCode::invalid_argument,
              fmt::format("The threshold youden-test needs a classifier of two classes and labelled bags of "
                          "both; it has {}, the labels {}: choose package or fixed.",
                          class_names.size(), labels.size()));
}

}  // namespace

Json predict_mil(const MilPredictRequest& request, const imaging::JobContext& job) {
  imaging::check_options(request.decision);
  if (fs::exists(request.out / "config.json")) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("'{}' holds a run, whose results would be overwritten; choose another --out.",
                            request.out.string()));
  }
  const auto environment = prepare_environment(request.runtime);
  const auto package = find_package(request.model);
  const auto class_names = package.class_names();
  const auto classifier = mil::open_classifier(package, environment.device);
  const auto cohort = bags_of(request, class_names);
  for (const auto& note : cohort.notes) imaging::log(imaging::LogLevel::warning, note + ".");
  if (request.truth && !fs::is_directory(*request.truth)) {
    throw Error(ErrorCode::not_found,
                fmt::format("{}: no such folder of outlines.", request.truth->string()));
  }
  if (request.decision.threshold == "youden-test") check_two_classes(cohort, class_names);
  std::optional<TileTruth> truth;
  if (request.truth) truth.emplace(*request.truth, request.truth_class);
  if (request.deletion && !request.labels) {
    throw Error(ErrorCode::invalid_argument,
                "Deletion curves are measured on the bags of a class, which the labels name; give --labels.");
  }
  std::optional<DeletionSummary> deletion;
  if (request.deletion) {
    deletion.emplace(*classifier, class_names, *request.deletion,
                     static_cast<std::uint64_t>(environment.seed));
  }
  std::map<std::string, std::string> label_of;
  for (const auto& row : cohort.labels.rows) label_of[row.id] = row.label;
  auto rule = decision_rule_of(package, request.decision.abstention);
  if (request.decision.threshold != "package") rule.threshold.reset();

  std::vector<BagPrediction> rows;
  Json failures = Json::array();
  for (const auto& [id, files] : cohort.files) {
    job.checkpoint("bags", std::ssize(rows), std::ssize(cohort.files));
    auto row =
        classify_bag(*classifier, rule, class_names, id, files,
                     [&, &path = files.front()](const mil::Bag& bag, const mil::SlidePrediction& made) {
                       if (truth) truth->add(path, bag, made.tile_scores);
                       if (request.tile_scores)
                         write_tile_scores(request.out / "tiles" / (id + ".csv"), bag, made.tile_scores);
                       if (deletion && label_of[bag.id] == deletion->class_name())
                         deletion->add(bag, made.tile_scores);
                     });
    row.label = label_of[id];
    if (row.status == "failed") {
      failures.push_back({{"file", files.front().filename().string()},
                          {"reason_code", row.reason_code},
                          {"reason", row.reason}});
    }
    rows.push_back(std::move(row));
  }
  std::set<std::string> measured_labels;
  for (const auto& row : rows) {
    if (!row.probabilities.empty() && !row.label.empty()) measured_labels.insert(row.label);
  }
  if (request.decision.threshold == "youden-test" && measured_labels.size() < 2) {
    imaging::log(imaging::LogLevel::warning,
                 "No threshold was chosen: bags of one class alone could be classified.");
  } else if (request.decision.threshold == "youden-test") {
    rule.threshold = youden_threshold_of(rows, class_names);
    rule.threshold_from = "youden-test: chosen on the very bags it is measured on";
    imaging::log(imaging::LogLevel::warning,
                 "The threshold is chosen on the very bags it is measured on: accuracy and F1 flatter.");
    for (auto& row : rows) {
      if (!row.probabilities.empty() && row.verdict != kAbstained)
        row.verdict = decide(rule, row.probabilities, {}).verdict(class_names);
    }
  }
  write_predictions(request.out / "predictions.csv", rows, class_names);
  if (deletion) deletion->write_curves(request.out / "deletion.csv");
  const auto abstained = std::count_if(rows.begin(), rows.end(),
                                       [](const BagPrediction& row) { return row.verdict == kAbstained; });
  Json summary{{"bags", rows.size()},
               {"failed", failures.size()},
               {"failures", failures},
               {"abstained", abstained},
               {"model", {{"name", package.name()}, {"sha256", package.sha256()}}},
               {"decision", rule.to_json()},
               {"metrics", measure_predictions(rows, class_names, rule, patients_of(cohort),
                                               static_cast<std::uint64_t>(environment.seed))},
               {"tile_auc", truth ? truth->to_json() : Json()},
               {"deletion", deletion ? deletion->to_json() : Json()},
               {"notes", cohort.notes}};
  if (!summary["metrics"].is_null() || truth) {
    Json measured;
    for (const auto* key : {"model", "decision", "metrics", "tile_auc", "deletion", "notes"})
      measured[key] = summary[key];
    imaging::write_file(request.out / "metrics.json", json_text(measured));
  }
  return summary;
}

}  // namespace workflows
