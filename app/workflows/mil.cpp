#include "app/workflows/mil.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

#include "app/workflows/batch.h"
#include "app/workflows/model_registry.h"
#include "app/workflows/run_environment.h"
#include "app/workflows/tile_truth.h"
#include "imaging/base/csv.h"
#include "imaging/base/files.h"
#include "imaging/base/options_json.h"
#include "imaging/base/version.h"
#include "imaging/slide/file_scale.h"
#include "mil/aggregators/bag_classifier.h"
#include "mil/bags/bag_store.h"
#include "mil/training/trainer.h"
#include "models/runtime/metrics.h"

namespace workflows {
namespace fs = std::filesystem;
namespace {

using imaging::Error;
using imaging::ErrorCode;
using Json = nlohmann::ordered_json;

Json optional_json(const std::optional<double>& value) {
  return value ? Json(*value) : Json();
}

Json metrics_json(const models::ClassificationMetrics& metrics, const std::vector<std::string>& class_names) {
  Json json{{"cases", metrics.cases},       {"auc", optional_json(metrics.auc)},
            {"accuracy", metrics.accuracy}, {"balanced_accuracy", metrics.balanced_accuracy},
            {"macro_f1", metrics.macro_f1}, {"ece", metrics.ece},
            {"recalls", Json::object()},    {"confusion", Json::array()}};
  for (std::size_t c = 0; c < class_names.size(); ++c)
    json["recalls"][class_names[c]] = optional_json(metrics.recalls[c]);
  const auto count = metrics.confusion.class_count;
  for (std::int64_t truth = 0; truth < count; ++truth) {
    Json row = Json::array();
    for (std::int64_t predicted = 0; predicted < count; ++predicted)
      row.push_back(metrics.confusion.at(truth, predicted));
    json["confusion"].push_back(row);
  }
  return json;
}

/// predictions.csv while it grows, and what metrics need of it.
class PredictionTable {
 public:
  PredictionTable(mil::BagClassifier& classifier, std::vector<std::string> class_names)
      : classifier_(classifier), class_names_(std::move(class_names)) {
    std::vector<std::string> header{"id", "part", "label", "verdict"};
    for (const auto& name : class_names_) header.push_back("probability_" + name);
    header.insert(header.end(), {"tiles", "status", "reason"});
    text_ = imaging::csv_line(header);
  }

  /// @return how it ended: "done", or "failed" where the bag cannot be read or classified
  BatchRow add(const std::string& id, const fs::path& path, const std::string& part, const std::string& label,
               const std::function<void(const mil::Bag&, const mil::SlidePrediction&)>& on_prediction = {}) {
    BatchRow row{.file = path.filename().string(), .case_name = id};
    mil::SlidePrediction prediction;
    run_row(row, [&](BatchRow& running) {
      const auto bag = mil::read_bag(path);
      running.tiles = bag.count;
      prediction = classifier_.predict(bag);
      if (on_prediction) on_prediction(bag, prediction);
      running.status = "done";
    });
    row.reason = hide_place(row.reason, {.path = path, .relative = row.file});
    const auto& probabilities = prediction.probabilities;
    const bool is_done = row.status == "done";
    std::vector<std::string> cells{id, part, label, ""};
    if (is_done) {
      cells[3] = class_names_[static_cast<std::size_t>(
          std::max_element(probabilities.begin(), probabilities.end()) - probabilities.begin())];
    }
    for (std::size_t c = 0; c < class_names_.size(); ++c)
      cells.push_back(is_done ? fmt::format("{}", probabilities[c]) : "");
    cells.insert(cells.end(), {std::to_string(row.tiles), row.status, row.reason});
    text_ += imaging::csv_line(cells);
    const auto known = std::find(class_names_.begin(), class_names_.end(), label);
    if (is_done && known != class_names_.end()) {
      labels_.push_back(known - class_names_.begin());
      probabilities_.insert(probabilities_.end(), probabilities.begin(), probabilities.end());
    }
    return row;
  }

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] std::optional<models::ClassificationMetrics> metrics() const {
    if (labels_.empty()) return std::nullopt;
    return models::classification_metrics(probabilities_, labels_,
                                          static_cast<std::int64_t>(class_names_.size()));
  }

 private:
  mil::BagClassifier& classifier_;
  std::vector<std::string> class_names_;
  std::string text_;
  std::vector<std::int64_t> labels_;
  std::vector<double> probabilities_;
};

std::string cell(const std::optional<double>& value) {
  return value ? fmt::format("{}", *value) : "";
}

void write_curves(const fs::path& path, const mil::TrainingResult& result) {
  std::string text = imaging::csv_line({"epoch", "train_loss", "validation_loss", "validation_auc"});
  for (const auto& epoch : result.curve) {
    text += imaging::csv_line({std::to_string(epoch.epoch), fmt::format("{}", epoch.train_loss),
                               cell(epoch.validation_loss), cell(epoch.validation_auc)});
  }
  imaging::write_file(path, text);
}

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
    const auto positives = std::count(labels_.begin(), labels_.end(), 1);
    return {{"class", class_name_},
            {"slides", slides_},
            {"tiles", labels_.size()},
            {"positive_tiles", positives},
            {"pooled", optional_json(models::roc_auc(scores_, labels_))},
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

/// Drops labels without a bag, so that a cohort's table may be larger than its features.
mil::LabelTable labels_with_bags(const mil::LabelTable& all, const std::map<std::string, fs::path>& bags) {
  mil::LabelTable kept;
  std::copy_if(all.rows.begin(), all.rows.end(), std::back_inserter(kept.rows),
               [&](const mil::LabelRow& row) { return bags.contains(row.id); });
  if (kept.rows.empty()) {
    throw Error(ErrorCode::invalid_argument,
                "No label belongs to a bag; the ids of the table must be the names of the bag files.");
  }
  return kept;
}

}  // namespace

Json train_mil(const MilTrainRequest& request, const imaging::JobContext& job) {
  mil::visit_option_sets(request.plan, [](const auto& options) { imaging::check_options(options); });
  imaging::check_options(request.split_options);
  const auto package = request.out / "model";
  if (fs::exists(package)) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("'{}' exists already; choose another --out.", package.string()));
  }
  const auto environment = prepare_environment(request.runtime);
  const auto seed = static_cast<std::uint64_t>(request.runtime.seed);
  mil::TrainingSet set;
  set.bags = mil::find_bags(request.bags);
  set.labels = labels_with_bags(mil::read_labels(request.labels), set.bags);
  set.split =
      request.split
          ? mil::read_split(*request.split)
          : mil::make_split(set.labels,
                            {request.split_options.validation_share, request.split_options.test_share}, seed);
  const auto result = mil::train_classifier(set, request.plan, seed, environment.device, job);

  Json config{{"schema", "tessera.mil-train/1"},
              {"tessera", imaging::kVersion},
              {"training", mil::plan_to_json(request.plan)},
              {"split", imaging::options_to_json(request.split_options)},
              {"seed", request.runtime.seed},
              {"runtime", environment.to_json()},
              {"finished", utc_now()}};
  imaging::write_file(request.out / "config.json", config.dump(2) + "\n");
  mil::write_split(request.out / "splits.csv", set.split);
  write_curves(request.out / "curves.csv", result);
  auto name = request.name;
  if (name.empty()) name = fs::absolute(request.out).lexically_normal().filename().string();
  mil::write_classifier_package(
      package, result, {.name = name, .training_data = request.training_data, .licence = request.licence});

  const auto classifier = mil::open_classifier(models::ModelPackage::open(package), environment.device);
  PredictionTable table(*classifier, result.class_names);
  std::map<std::string, std::string> label_of;
  for (const auto& row : set.labels.rows) label_of[row.id] = row.label;
  for (const auto& [part, ids] : {std::pair{"train", &set.split.train},
                                  {"validation", &set.split.validation},
                                  {"test", &set.split.test}}) {
    for (const auto& id : *ids) {
      if (job.stop_token().stop_requested()) throw imaging::Cancelled{};
      table.add(id, set.bags.at(id), part, label_of[id]);
    }
  }
  imaging::write_file(request.out / "predictions.csv", table.text());
  Json metrics{
      {"class_names", result.class_names},
      {"best_epoch", result.best_epoch},
      {"epochs", result.curve.size()},
      {"train_bags", result.train_count},
      {"skipped", result.skipped},
      {"validation", result.validation ? metrics_json(*result.validation, result.class_names) : Json()},
      {"test", result.test ? metrics_json(*result.test, result.class_names) : Json()}};
  imaging::write_file(request.out / "metrics.json", metrics.dump(2) + "\n");
  return metrics;
}

Json predict_mil(const MilPredictRequest& request, const imaging::JobContext& job) {
  const auto environment = prepare_environment(request.runtime);
  const auto package = find_package(request.model);
  const auto classifier = mil::open_classifier(package, environment.device);
  const auto bags = mil::find_bags(request.bags);
  std::map<std::string, std::string> label_of;
  if (request.labels) {
    for (const auto& row : mil::read_labels(*request.labels).rows) label_of[row.id] = row.label;
  }
  if (request.truth && !fs::is_directory(*request.truth)) {
    throw Error(ErrorCode::not_found,
                fmt::format("{}: no such folder of outlines.", request.truth->string()));
  }
  std::optional<TileTruth> truth;
  if (request.truth) truth.emplace(*request.truth, request.truth_class);
  PredictionTable table(*classifier, package.class_names());
  std::int64_t done = 0;
  Json failures = Json::array();
  for (const auto& [id, path] : bags) {
    job.checkpoint("bags", done++, static_cast<std::int64_t>(bags.size()));
    const auto label = label_of.find(id);
    const auto row = table.add(id, path, "", label == label_of.end() ? "" : label->second,
                               [&](const mil::Bag& bag, const mil::SlidePrediction& prediction) {
                                 if (truth) truth->add(path, bag, prediction.tile_scores);
                               });
    if (row.status == "failed")
      failures.push_back({{"file", row.file}, {"reason_code", row.reason_code}, {"reason", row.reason}});
  }
  imaging::write_file(request.out / "predictions.csv", table.text());
  const auto metrics = table.metrics();
  Json summary{{"bags", bags.size()},
               {"failed", failures.size()},
               {"failures", failures},
               {"model", {{"name", package.name()}, {"sha256", package.sha256()}}},
               {"metrics", metrics ? metrics_json(*metrics, package.class_names()) : Json()}};
  summary["tile_auc"] = truth ? truth->to_json() : Json();
  if (metrics || truth) {
    const Json measured{{"metrics", summary["metrics"]}, {"tile_auc", summary["tile_auc"]}};
    imaging::write_file(request.out / "metrics.json", measured.dump(2) + "\n");
  }
  return summary;
}

}  // namespace workflows
