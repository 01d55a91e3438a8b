#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "app/workflows/batch.h"
#include "app/workflows/mil_run.h"
#include "app/workflows/mil_train.h"
#include "app/workflows/run_environment.h"
#include "imaging/base/csv.h"
#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/base/log.h"
#include "mil/training/process_group.h"

namespace workflows {
namespace fs = std::filesystem;
namespace {

using imaging::Error;
using imaging::ErrorCode;
using Json = nlohmann::ordered_json;

/// Of metrics.json, in the table.
constexpr std::array kColumns{"auc", "accuracy", "balanced_accuracy", "f1", "macro_f1", "ece"};

struct Fold {
  std::int64_t repeat = 0, number = 0;  ///< number: within the repeat
  std::string source;                   ///< for messages
  mil::Split split;
};

/// The number k of "splits_k.csv".
std::optional<std::int64_t> split_number(const std::string& file_name) {
  constexpr std::string_view kHead = "splits_", kTail = ".csv";
  if (!file_name.starts_with(kHead) || !file_name.ends_with(kTail)) return std::nullopt;
  const auto digits = file_name.substr(kHead.size(), file_name.size() - kHead.size() - kTail.size());
  if (digits.empty() || digits.size() > 6 || digits.find_first_not_of("0123456789") != std::string::npos)
    return std::nullopt;
  return std::stoll(digits);
}

std::vector<Fold> given_folds(const fs::path& folder, const MilCohort& cohort) {
  if (!fs::is_directory(folder))
    throw Error(ErrorCode::not_found, fmt::format("{}: no such folder of splits.", folder.string()));
  std::map<std::int64_t, fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (const auto number = split_number(entry.path().filename().string())) files[*number] = entry.path();
  }
  if (files.empty()) {
    throw Error(
        ErrorCode::not_found,
        fmt::format("{}: no files splits_0.csv, splits_1.csv, ... as CLAM writes them.", folder.string()));
  }
  std::vector<Fold> folds;
  for (const auto& [number, path] : files) {
    folds.push_back(
        {0, std::ssize(folds), path.string(), fit_split(mil::read_split(path), cohort, path.string())});
    if (folds.back().split.test.empty())
      throw Error(ErrorCode::invalid_argument, fmt::format("{}: its part test is empty.", path.string()));
  }
  return folds;
}

std::vector<Fold> dealt_folds(const CrossvalOptions& options, const MilCohort& cohort, std::uint64_t seed) {
  std::vector<Fold> folds;
  for (std::int64_t repeat = 0; repeat < options.repeats; ++repeat) {
    const auto splits = mil::make_folds(cohort.labels, options.folds, options.validation_share,
                                        seed + static_cast<std::uint64_t>(repeat));
    for (const auto& split : splits) {
      const auto number = std::ssize(folds) % options.folds;
      folds.push_back({repeat, number, fmt::format("fold {}", folds.size()), split});
    }
  }
  return folds;
}

/// Before any fold is trained: an AUC needs every class.
void check_validation_parts(const std::vector<Fold>& folds, const MilCohort& cohort) {
  std::map<std::string, std::string> label_of;
  for (const auto& row : cohort.labels.rows) label_of[row.id] = row.label;
  const auto wanted = cohort.labels.class_names().size();
  for (const auto& fold : folds) {
    std::set<std::string> labels;
    for (const auto& id : fold.split.validation) labels.insert(label_of[id]);
    if (labels.empty() || labels.size() == wanted) continue;
    throw Error(
        ErrorCode::insufficient_data,
        fmt::format("{}: its validation part has {} of {} classes, so its AUC is not defined; monitor the "
                    "loss.",
                    fold.source, labels.size(), wanted));
  }
}

struct Spread {
  std::int64_t count = 0;
  double mean = 0, std = 0;
};

/// Mean and sample standard deviation of what is defined.
std::optional<Spread> spread_of(const std::vector<Json>& metrics, const char* name) {
  std::vector<double> values;
  for (const auto& of_fold : metrics) {
    if (of_fold.is_object() && of_fold.contains(name) && of_fold[name].is_number())
      values.push_back(of_fold[name].get<double>());
  }
  if (values.empty()) return std::nullopt;
  Spread spread{std::ssize(values), 0, 0};
  for (const double value : values) spread.mean += value / static_cast<double>(values.size());
  for (const double value : values) spread.std += (value - spread.mean) * (value - spread.mean);
  if (values.size() > 1) spread.std = std::sqrt(spread.std / static_cast<double>(values.size() - 1));
  return spread;
}

Json spreads_json(const std::vector<Json>& metrics) {
  Json json = Json::object();
  for (const auto* name : kColumns) {
    if (const auto spread = spread_of(metrics, name)) {
      json[name] = {{"mean", spread->mean},
                    {"std", spread->count > 1 ? Json(spread->std) : Json()},
                    {"folds", spread->count}};
    }
  }
  return json;
}

std::string cell_of(const Json& metrics, const char* name) {
  return metrics.is_object() && metrics.contains(name) && metrics[name].is_number()
             ? fmt::format("{:.6f}", metrics[name].get<double>())
             : "";
}

void write_table(const fs::path& path, const std::vector<Fold>& folds, const std::vector<Json>& tests,
                 const Json& spreads) {
  std::vector<std::string> header{"repeat", "fold", "bags"};
  header.insert(header.end(), kColumns.begin(), kColumns.end());
  auto text = imaging::csv_line(header);
  for (std::size_t i = 0; i < folds.size(); ++i) {
    std::vector<std::string> cells{std::to_string(folds[i].repeat), std::to_string(folds[i].number),
                                   std::to_string(folds[i].split.test.size())};
    for (const auto* name : kColumns) cells.push_back(cell_of(tests[i], name));
    text += imaging::csv_line(cells);
  }
  for (const auto* row : {"mean", "std"}) {
    std::vector<std::string> cells{row, "", ""};
    for (const auto* name : kColumns)
      cells.push_back(spreads.contains(name) ? cell_of(spreads[name], row) : "");
    text += imaging::csv_line(cells);
  }
  imaging::write_file(path, text);
}

/// Stages of one fold, told apart.
imaging::JobContext job_of_fold(const imaging::JobContext& job, std::size_t fold, std::size_t count) {
  return imaging::JobContext(job.stop_token(), [&job, fold, count](const imaging::Progress& step) {
    if (job.sink())
      job.sink()({fmt::format("fold {} of {}: {}", fold + 1, count, step.stage), step.done, step.total});
  });
}

}  // namespace

Json crossval_mil(const MilCrossvalRequest& request, const imaging::JobContext& job) {
  mil::visit_option_sets(request.plan, [](const auto& options) { imaging::check_options(options); });
  imaging::check_options(request.options);
  const auto environment = prepare_environment(request.runtime);
  const auto cohort = read_cohort(request.data);
  for (const auto& note : cohort.notes) imaging::log(imaging::LogLevel::warning, note + ".");
  const auto class_names = cohort.labels.class_names();
  const auto seed = static_cast<std::uint64_t>(request.runtime.seed);
  const auto folds =
      request.splits ? given_folds(*request.splits, cohort) : dealt_folds(request.options, cohort, seed);
  const auto processes = mil::join_process_group(environment.device);
  const bool is_writer = processes->rank() == 0;
  const Json identity{{"schema", "tessera.mil-crossval/1"},
                      {"training", mil::plan_identity(request.plan)},
                      {"seed", seed},
                      {"folds", folds.size()},
                      {"cohort", {{"bags", cohort.files.size()}, {"sha256", cohort_sha256(cohort)}}}};
  check_run_folder(request.out, identity, {"metrics.json", "metrics.csv", "predictions.csv"});
  if (request.plan.training.monitor == "auc") check_validation_parts(folds, cohort);

  const auto texts = package_texts(request.card, request.out);
  std::vector<Json> fold_metrics, tests;
  std::vector<BagPrediction> tested;
  std::map<std::int64_t, std::vector<BagPrediction>> tested_of_repeat;
  for (std::size_t k = 0; k < folds.size(); ++k) {
    const auto& fold = folds[k];
    MilRun run{.out = request.out / fmt::format("fold_{}", k),
               .split = fold.split,
               .plan = request.plan,
               .seed = seed + static_cast<std::uint64_t>(fold.repeat),
               .texts = texts};
    run.texts.name = fmt::format("{}-fold-{}", texts.name, k);
    const auto on_epoch = [&](const mil::EpochRecord&) {
      if (fs::exists(request.out / "config.json")) return;
      for (std::size_t i = 0; i < folds.size(); ++i)
        mil::write_split(request.out / "splits" / fmt::format("splits_{}.csv", i), folds[i].split);
      write_run_config(request.out, identity);
    };
    const auto metrics =
        run_training(run, cohort, environment, *processes, job_of_fold(job, k, folds.size()), on_epoch);
    if (!is_writer) continue;
    tests.push_back(metrics["test"]);
    fold_metrics.push_back({{"repeat", fold.repeat},
                            {"fold", fold.number},
                            {"best_epoch", metrics["best_epoch"]},
                            {"decision", metrics["decision"]},
                            {"test", metrics["test"]}});
    for (auto row : rows_of_part(read_predictions(run.out / "predictions.csv", class_names), "test")) {
      tested_of_repeat[fold.repeat].push_back(row);
      row.part = fmt::format("fold_{}", k);
      tested.push_back(std::move(row));
    }
  }
  if (!is_writer) return Json::object();
  if (request.plan.training.threshold != "fixed") {
    imaging::log(imaging::LogLevel::info,
                 "Each fold is measured by its own threshold; all folds pooled by the likeliest class.");
  }
  write_predictions(request.out / "predictions.csv", tested, class_names);
  const auto spreads = spreads_json(tests);
  write_table(request.out / "metrics.csv", folds, tests, spreads);

  Json repeats = Json::array();
  std::vector<Json> pooled;
  for (const auto& [repeat, rows] : tested_of_repeat) {
    std::vector<Json> of_repeat;
    for (std::size_t k = 0; k < folds.size(); ++k) {
      if (folds[k].repeat == repeat) of_repeat.push_back(tests[k]);
    }
    pooled.push_back(measure_predictions(rows, class_names, {}, patients_of(cohort), seed));
    repeats.push_back({{"repeat", repeat}, {"folds", spreads_json(of_repeat)}, {"pooled", pooled.back()}});
  }
  Json metrics{{"folds", fold_metrics}, {"over_folds", spreads}, {"repeats", repeats}};
  if (pooled.size() > 1) metrics["over_repeats"] = spreads_json(pooled);
  metrics["notes"] = cohort.notes;
  imaging::write_file(request.out / "metrics.json", json_text(metrics));
  return metrics;
}

}  // namespace workflows
