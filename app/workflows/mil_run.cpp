#include "app/workflows/mil_run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "app/workflows/batch.h"
#include "app/workflows/curve_plot.h"
#include "imaging/base/csv.h"
#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/base/json_text.h"
#include "imaging/base/log.h"
#include "imaging/base/version.h"
#include "mil/aggregators/bag_classifier.h"
#include "mil/bags/bag_store.h"
#include "mil/training/process_group.h"
#include "models/runtime/model_package.h"

namespace workflows {
namespace fs = std::filesystem;
namespace {

using imaging::Error;
using imaging::ErrorCode;
using Json = nlohmann::ordered_json;

std::string split_sha256(const mil::Split& split) {
  std::string text;
  for (const auto* part : {&split.train, &split.validation, &split.test})
    text += fmt::format("{}\n\n", fmt::join(*part, "\n"));
  return imaging::sha256_of(text);
}

Json identity_of(const MilRun& run, const MilCohort& cohort) {
  return {{"schema", "tessera.mil-run/1"},
          {"training", mil::plan_identity(run.plan)},
          {"seed", run.seed},
          {"cohort",
           {{"bags", cohort.files.size()},
            {"classes", cohort.labels.class_names()},
            {"sha256", cohort_sha256(cohort)}}},
          {"split",
           {{"train", run.split.train.size()},
            {"validation", run.split.validation.size()},
            {"test", run.split.test.size()},
            {"sha256", split_sha256(run.split)}}},
          {"package",
           {{"name", run.texts.name},
            {"training_data", run.texts.training_data},
            {"licence", run.texts.licence}}}};
}

/// Where two objects first differ, as "training.epochs is 5 there, 10 here"; empty where they do not.
std::string first_difference(const Json& before, const Json& now, const std::string& place = "") {
  for (const auto& [key, value] : now.items()) {
    const auto name = place.empty() ? key : place + "." + key;
    const auto found = before.is_object() ? before.find(key) : before.end();
    if (!before.is_object() || found == before.end()) return fmt::format("{} is not stated there", name);
    if (value.is_object()) {
      if (auto inner = first_difference(*found, value, name); !inner.empty()) return inner;
    } else if (nlohmann::json::parse(value.dump()) != nlohmann::json::parse(found->dump())) {
      return fmt::format("{} is {} there, {} now", name, found->dump(), value.dump());
    }
  }
  return "";
}

/// Whether something is there that a run did not leave before its config.json: of those only a checkpoint
/// (of MHIM's base) can be.
bool is_foreign(const fs::path& path) {
  std::error_code failed;
  if (path.filename() != "checkpoint") return fs::exists(path, failed);
  const fs::directory_iterator entries(path, failed);
  return !failed && std::any_of(begin(entries), end(entries), [](const fs::directory_entry& entry) {
    const auto name = entry.path().filename().string();
    return name != "training.safetensors" && name != "training_base.safetensors" &&
           name.find(".training") != 0;  // unfinished files of a run that was killed
  });
}

std::string cell(const std::optional<double>& value) {
  return value ? fmt::format("{}", *value) : "";
}

void write_curves(const fs::path& out, const mil::TrainingResult& result) {
  std::string text = imaging::csv_line({"epoch", "train_loss", "validation_loss", "validation_auc"});
  PlotLine train{"training", {}}, validation{"validation", {}}, auc{"validation", {}};
  for (const auto& epoch : result.curve) {
    text += imaging::csv_line({std::to_string(epoch.epoch), fmt::format("{}", epoch.train_loss),
                               cell(epoch.validation_loss), cell(epoch.validation_auc)});
    train.values.emplace_back(epoch.train_loss);
    validation.values.push_back(epoch.validation_loss);
    auc.values.push_back(epoch.validation_auc);
  }
  imaging::write_file(out / "curves.csv", text);
  write_curve_plot(out / "curves.svg",
                   {{"Loss", {train, validation}, {}, {}}, {"Area under the ROC curve", {auc}, 0.0, 1.0}},
                   result.best_epoch);
}

/// Every process's rows, in the order in which they were dealt, on every process.
std::vector<BagPrediction> gather_rows(const std::vector<BagPrediction>& own, std::int64_t total,
                                       mil::ProcessGroup& processes) {
  if (processes.size() == 1) return own;
  std::string text;
  for (const auto& row : own) {
    const Json json{row.id,      row.part,          row.label,
                    row.verdict, row.probabilities, row.ood ? Json(*row.ood) : Json(),
                    row.tiles,   row.status,        row.reason_code,
                    row.reason};
    text += json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  }
  const auto bytes = processes.gather(
      at::from_blob(text.data(), {static_cast<std::int64_t>(text.size())}, at::kByte).clone());
  const auto plain = bytes.cpu();
  std::istringstream lines(
      std::string(static_cast<const char*>(plain.data_ptr()), static_cast<std::size_t>(plain.numel())));
  std::vector<BagPrediction> rows(static_cast<std::size_t>(total));
  std::string line;
  for (std::int64_t rank = 0; rank < processes.size(); ++rank) {
    for (auto i = rank; i < total && std::getline(lines, line); i += processes.size()) {
      const auto json = Json::parse(line);
      auto& row = rows[static_cast<std::size_t>(i)];
      row = {json[0], json[1], json[2], json[3], {}, std::nullopt, json[6], json[7], json[8], json[9]};
      for (const auto& value : json[4])
        row.probabilities.push_back(value.is_null() ? std::nan("") : value.get<double>());
      if (!json[5].is_null()) row.ood = json[5].get<double>();
    }
  }
  return rows;
}

/// Dealt over the processes.
std::vector<BagPrediction> predict_all(const MilRun& run, const MilCohort& cohort,
                                       const models::ModelPackage& package, const RunEnvironment& environment,
                                       mil::ProcessGroup& processes, const imaging::JobContext& job) {
  const auto classifier = mil::open_classifier(package, environment.device);
  const auto rule = decision_rule_of(package);
  std::map<std::string, std::string> label_of;
  for (const auto& row : cohort.labels.rows) label_of[row.id] = row.label;
  const auto total =
      static_cast<std::int64_t>(run.split.train.size() + run.split.validation.size() + run.split.test.size());
  std::vector<BagPrediction> rows;
  std::int64_t place = 0;
  for (const auto& [part, ids] : {std::pair{"train", &run.split.train},
                                  {"validation", &run.split.validation},
                                  {"test", &run.split.test}}) {
    for (const auto& id : *ids) {
      job.checkpoint("predicting", place, total);
      if (place++ % processes.size() != processes.rank()) continue;
      auto row = classify_bag(*classifier, rule, package.class_names(), id, cohort.files.at(id));
      row.part = part;
      row.label = label_of[id];
      rows.push_back(std::move(row));
    }
  }
  return gather_rows(rows, total, processes);
}

}  // namespace

void check_run_folder(const fs::path& out, const Json& identity, const std::vector<std::string>& results) {
  const auto path = out / "config.json";
  if (!fs::exists(path)) {
    for (const auto& name : results) {
      if (!is_foreign(out / name)) continue;
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("'{}' exists already and is of no run known here; choose another --out.",
                              (out / name).string()));
    }
    return;
  }
  const auto before = imaging::parse_json<Json>(imaging::read_file(path), path.string());
  if (const auto difference = first_difference(before, identity); !difference.empty()) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("'{}' holds another run ({}); choose another --out, or remove that folder.",
                            out.string(), difference));
  }
}

void write_run_config(const fs::path& out, const Json& identity) {
  if (fs::exists(out / "config.json")) return;
  Json config = identity;
  config["tessera"] = imaging::kVersion;
  config["started"] = utc_now();
  imaging::write_file(out / "config.json", json_text(config));
}

mil::PackageTexts package_texts(const MilCard& card, const fs::path& out) {
  mil::PackageTexts texts{.name = card.name, .training_data = card.training_data, .licence = card.licence};
  if (texts.name.empty()) {
    const auto folder = fs::absolute(out).lexically_normal();
    texts.name = (folder.has_filename() ? folder : folder.parent_path()).filename().string();
  }
  return texts;
}

std::map<std::string, std::string> patients_of(const MilCohort& cohort) {
  std::map<std::string, std::string> patients;
  for (const auto& row : cohort.labels.rows) patients[row.id] = row.patient;
  return patients;
}

Json run_training(const MilRun& run, const MilCohort& cohort, const RunEnvironment& environment,
                  mil::ProcessGroup& processes, const imaging::JobContext& job,
                  const mil::OnEpoch& on_epoch) {
  const bool is_writer = processes.rank() == 0;
  const auto identity = identity_of(run, cohort);
  check_run_folder(run.out, identity, {"model", "metrics.json", "predictions.csv", "checkpoint"});
  const auto finished = run.out / "metrics.json";
  if (fs::exists(finished)) {
    auto metrics = imaging::parse_json<Json>(imaging::read_file(finished), finished.string());
    metrics["was_finished"] = true;
    return metrics;
  }
  const auto package_folder = run.out / "model", checkpoints = run.out / "checkpoint";
  const mil::TrainingSet set{cohort.files, cohort.labels, run.split};
  const auto on_epoch_end = [&](const mil::EpochRecord& epoch) {
    if (!is_writer) return;
    if (!fs::exists(run.out / "config.json")) {
      mil::write_split(run.out / "splits.csv", run.split);
      write_run_config(run.out, identity);
    }
    if (on_epoch) on_epoch(epoch);
  };
  const auto result = mil::train_classifier(set, run.plan, run.seed, environment.device, job,
                                            checkpoints / "training.safetensors", &processes, on_epoch_end);
  if (is_writer) {
    fs::remove_all(package_folder);  // of this very run, stopped between package and metrics
    mil::write_classifier_package(package_folder, result, run.texts);
  }
  (void)processes.gather(at::zeros({1}));  // from here on the package is there
  const auto seen = at::full({1}, fs::exists(package_folder / "manifest.json") ? 1 : 0, at::kLong);
  const bool is_shared = processes.gather(seen).min().item<std::int64_t>() == 1;
  if (!is_writer && !is_shared)
    return Json::object();  // of folders on other machines; the first is on its own
  const auto alone = mil::make_single_process();
  const auto package = models::ModelPackage::open(package_folder);
  const auto rows = predict_all(run, cohort, package, environment, is_shared ? processes : *alone, job);
  if (!is_writer) return Json::object();
  write_predictions(run.out / "predictions.csv", rows, result.class_names);
  write_curves(run.out, result);

  if (!result.skipped.empty()) {
    imaging::log(imaging::LogLevel::warning,
                 fmt::format("{} bags without tiles were left out: {}.", result.skipped.size(),
                             fmt::join(result.skipped, ", ")));
  }
  const auto rule = decision_rule_of(package);
  const auto measure = [&](const char* part) {
    return measure_predictions(rows_of_part(rows, part), result.class_names, rule, patients_of(cohort),
                               run.seed);
  };
  Json metrics = {
      {"best_epoch", result.best_epoch},
      {"epochs", result.curve.size()},
      {"skipped", result.skipped},
      {"notes", cohort.notes},
      {"model_sha256", package.sha256()},
      {"decision", rule.to_json()},
      {"threshold_from", result.threshold_from.empty() ? "fixed" : result.threshold_from},
      {"processes", processes.size()},
      {"runtime", environment.to_json()},
      {"finished", utc_now()},
      {"validation", measure("validation")},
      {"test", measure("test")},
  };
  imaging::write_file(finished, json_text(metrics));
  fs::remove_all(checkpoints);
  metrics["was_finished"] = false;
  return metrics;
}

}  // namespace workflows
