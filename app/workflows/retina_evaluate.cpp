#include "app/workflows/retina_evaluate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "app/workflows/batch.h"
#include "app/workflows/model_registry.h"
#include "app/workflows/retina_evidence.h"
#include "imaging/base/csv.h"
#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/base/log.h"
#include "imaging/base/options_json.h"
#include "imaging/slide/file_scale.h"
#include "mil/bags/split.h"
#include "models/retina/linear_baseline.h"
#include "models/retina/retina_grader.h"

namespace workflows {
namespace fs = std::filesystem;
namespace {

using imaging::Error;
using imaging::ErrorCode;
using Json = nlohmann::ordered_json;

constexpr const char* kBaseline = "logistic regression";
constexpr const char* kAbsent = "not available";
constexpr const char* kTogether = "all together";  ///< no target of its own: not in the mean over targets

/// One training and its test.
struct Task {
  std::string name;  ///< of the target (dg), the source (esdg) or the fold
  std::vector<std::string> sources = {};
  std::vector<RetinaPhotograph> training = {}, test = {};
};

std::vector<Task> domain_tasks(const RetinaCohort& cohort, bool is_esdg) {
  if (cohort.domains.size() < 2) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("The protocol needs two domains or more; the data hold {}. Use crossval.",
                            fmt::join(cohort.domains, ", ")));
  }
  std::vector<Task> tasks;
  for (const auto& name : cohort.domains) {
    Task task{.name = name};
    for (const auto& domain : cohort.domains) {
      const bool is_source = (domain == name) == is_esdg;
      if (is_source) task.sources.push_back(domain);
      auto& part = is_source ? task.training : task.test;
      for (auto& photograph : cohort.of(domain)) part.push_back(std::move(photograph));
    }
    tasks.push_back(std::move(task));
  }
  return tasks;
}

std::vector<Task> fold_tasks(const RetinaCohort& cohort, std::int64_t folds, double validation,
                             std::uint64_t seed) {
  mil::LabelTable table;
  const auto taught = cohort.taught_patients();
  for (const auto& photograph : cohort.photographs) {
    if (!taught.contains(photograph.patient))
      table.rows.push_back({photograph.id, photograph.patient, std::to_string(photograph.label)});
  }
  std::vector<Task> tasks;
  for (const auto& split : mil::make_folds(table, folds, validation, seed)) {
    const std::set<std::string> test(split.test.begin(), split.test.end()),
        held_out(split.validation.begin(), split.validation.end());
    Task task{.name = fmt::format("fold-{}", tasks.size() + 1), .sources = cohort.domains};
    for (auto photograph : cohort.photographs) {
      if (test.contains(photograph.id)) {
        task.test.push_back(photograph);
        continue;
      }
      photograph.part = held_out.contains(photograph.id) ? "crossval" : "train";
      task.training.push_back(photograph);
    }
    tasks.push_back(std::move(task));
  }
  return tasks;
}

/// Features of every photograph of a cohort, once.
struct BaselineFeatures {
  std::int64_t dim = 0;
  std::map<std::string, std::vector<double>> row_of = {};
};

BaselineFeatures compute_features(const RetinaCohort& cohort, const RetinaProtocolOptions& options,
                                  RetinaPictures& pictures, const std::string& device,
                                  const imaging::JobContext& job) {
  auto set = make_training_set(cohort.photographs, cohort.domains, pictures);
  auto examples = set.train;
  examples.insert(examples.end(), set.validation.begin(), set.validation.end());
  const auto found =
      models::compute_frozen_features(set, examples, options.baseline, options.baseline_input, device, job);
  BaselineFeatures features{.dim = found.dim};
  for (std::size_t i = 0; i < examples.size(); ++i) {
    const auto from = found.rows.begin() + static_cast<std::ptrdiff_t>(i) * found.dim;
    features.row_of[examples[i].id] = {from, from + found.dim};
  }
  return features;
}

std::vector<RetinaPrediction> predict_baseline(const Task& task, const BaselineFeatures& features) {
  std::vector<double> rows[3];
  std::vector<std::int64_t> labels[3];
  const auto put = [&](std::size_t part, const RetinaPhotograph& photograph) {
    const auto& row = features.row_of.at(photograph.id);
    rows[part].insert(rows[part].end(), row.begin(), row.end());
    labels[part].push_back(photograph.label);
  };
  for (const auto& photograph : task.training) put(photograph.part == "train" ? 0 : 1, photograph);
  for (const auto& photograph : task.test) put(2, photograph);
  const auto fit = models::LogisticRegression::fit(rows[0], labels[0], rows[1], labels[1], 5);
  const auto probabilities = fit.probabilities(rows[2]);
  std::vector<RetinaPrediction> predictions;
  for (const auto& photograph : task.test) {
    const auto from = probabilities.begin() + std::ssize(predictions) * 5;
    predictions.push_back({.id = photograph.id,
                           .domain = photograph.domain,
                           .part = "test",
                           .patient = photograph.patient,
                           .label = photograph.label,
                           .probabilities = {from, from + 5}});
  }
  return predictions;
}

double number_in(const std::string& cell, const fs::path& path) {
  const auto value = imaging::parse_number(cell);
  if (!value)
    throw Error(ErrorCode::corrupt_data, fmt::format("{}: '{}' is no number.", path.string(), cell));
  return *value;
}

/// Predictions as write_retina_predictions left them, joined with what is known of the photographs.
std::vector<RetinaPrediction> read_test_predictions(const fs::path& path, const Task& task) {
  std::map<std::string, const RetinaPhotograph*> by_id;
  for (const auto& photograph : task.test) by_id[photograph.id] = &photograph;
  std::vector<RetinaPrediction> predictions;
  for (const auto& cells : imaging::read_csv_with_header(path).rows) {
    const auto found = by_id.find(cells[0]);
    if (found == by_id.end()) continue;
    RetinaPrediction made{.id = cells[0],
                          .domain = cells[1],
                          .part = cells[2],
                          .patient = found->second->patient,
                          .label = found->second->label};
    made.oedema = found->second->oedema;
    for (std::size_t k = 0; k < 5 && !cells[5].empty(); ++k)
      made.probabilities.push_back(number_in(cells[5 + k], path));
    for (std::size_t k = 0; k < 3 && !cells[10].empty(); ++k)
      made.oedema_probabilities.push_back(number_in(cells[10 + k], path));
    predictions.push_back(std::move(made));
  }
  return predictions;
}

/// One row of a table: a method on a target with one seed.
struct Score {
  std::string method, target;
  std::uint64_t seed = 0;
  Json metrics;
};

std::optional<double> value_of(const Json& metrics, const std::string& column) {
  if (!metrics.is_object() || !metrics.contains(column) || metrics[column].is_null()) return std::nullopt;
  return metrics[column].get<double>();
}

struct Spread {
  std::size_t of = 0;  ///< values asked for
  std::size_t count = 0;
  double mean = 0, deviation = 0;
};

std::optional<Spread> spread_of(const std::vector<std::optional<double>>& values) {
  Spread spread{.of = values.size()};
  double square = 0;
  for (const auto& value : values) {
    if (!value) continue;
    ++spread.count;
    spread.mean += *value;
    square += *value * *value;
  }
  if (spread.count == 0) return std::nullopt;
  const auto n = static_cast<double>(spread.count);
  spread.mean /= n;
  if (spread.count > 1)
    spread.deviation = std::sqrt(std::max(0.0, (square - n * spread.mean * spread.mean) / (n - 1)));
  return spread;
}

/// Rows of the table: per method the targets in their order, then the mean over targets.
class Table {
 public:
  explicit Table(const std::vector<Score>& scores) {
    std::vector<std::string> methods, targets;
    const auto note = [](std::vector<std::string>& names, const std::string& name) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    };
    for (const auto& score : scores) {
      note(methods, score.method);
      if (score.target != kTogether) note(targets, score.target);
    }
    for (const auto& method : methods) {
      for (const auto& target : targets) add_target(scores, method, target);
      add_target(scores, method, kTogether);
      if (targets.size() > 1) add_mean(scores, method, targets);
    }
  }

  [[nodiscard]] std::string markdown() const {
    auto text = fmt::format("| method | target | photographs | {} |\n|---|---|---|",
                            fmt::join(grading_columns(), " | "));
    for (std::size_t i = 0; i < grading_columns().size(); ++i) text += "---|";
    text += "\n";
    for (const auto& row : rows_) text += fmt::format("| {} |\n", fmt::join(row, " | "));
    return text;
  }
  [[nodiscard]] std::string csv() const {
    std::vector<std::string> header{"method", "target", "photographs"};
    for (const auto& column : grading_columns()) header.push_back(column);
    auto text = imaging::csv_line(header);
    for (const auto& row : rows_) text += imaging::csv_line(row);
    return text;
  }
  [[nodiscard]] const Json& json() const { return json_; }

 private:
  void add_target(const std::vector<Score>& scores, const std::string& method, const std::string& target) {
    std::vector<const Score*> found;
    for (const auto& score : scores) {
      if (score.method == method && score.target == target) found.push_back(&score);
    }
    if (found.empty()) return;
    std::vector<std::string> row{method, target};
    const auto& first = found.front()->metrics;
    row.push_back(first.is_object() ? first["cases"].dump() : "0");
    Json entry{{"method", method}, {"target", target}};
    for (const auto& column : grading_columns()) {
      std::vector<std::optional<double>> values;
      for (const auto* score : found) values.push_back(value_of(score->metrics, column));
      const auto spread = spread_of(values);
      row.push_back(text_of(spread, found.size() == 1 ? &first : nullptr, column));
      entry[column] = json_of(spread);
    }
    rows_.push_back(row);
    json_.push_back(entry);
  }

  /// The mean over targets of every seed, then its spread over seeds.
  void add_mean(const std::vector<Score>& scores, const std::string& method,
                const std::vector<std::string>& targets) {
    std::vector<std::string> row{method, "mean", ""};
    Json entry{{"method", method}, {"target", "mean"}};
    for (const auto& column : grading_columns()) {
      std::map<std::uint64_t, std::vector<std::optional<double>>> by_seed;
      for (const auto& score : scores) {
        if (score.method == method && score.target != kTogether)
          by_seed[score.seed].push_back(value_of(score.metrics, column));
      }
      std::vector<std::optional<double>> means;
      std::size_t defined = 0;
      for (const auto& [seed, values] : by_seed) {
        const auto mean = spread_of(values);
        means.push_back(mean ? std::optional(mean->mean) : std::nullopt);
        if (mean) defined = std::max(defined, mean->count);
      }
      const auto spread = spread_of(means);
      auto text = text_of(spread, nullptr, column);
      if (spread && defined < targets.size())
        text += fmt::format(" [{} of {} targets]", defined, targets.size());
      row.push_back(text);
      entry[column] = json_of(spread);
      entry["targets_" + column] = defined;
    }
    rows_.push_back(row);
    json_.push_back(entry);
  }

  static std::string text_of(const std::optional<Spread>& spread, const Json* single,
                             const std::string& column) {
    if (!spread) return kAbsent;
    if (spread->of > 1) return fmt::format("{:.3f} ± {:.3f}", spread->mean, spread->deviation);
    auto text = fmt::format("{:.3f}", spread->mean);
    if (single != nullptr && (*single)["intervals"].contains(column)) {
      const auto& interval = (*single)["intervals"][column];
      text += fmt::format(" ({:.3f} to {:.3f})", interval[0].get<double>(), interval[1].get<double>());
    }
    return text;
  }
  static Json json_of(const std::optional<Spread>& spread) {
    if (!spread) return {};
    return {{"mean", spread->mean},
            {"std", spread->count > 1 ? Json(spread->deviation) : Json()},
            {"n", spread->count}};
  }

  std::vector<std::vector<std::string>> rows_;
  Json json_ = Json::array();
};

Json write_tables(const fs::path& out, const std::vector<Score>& scores, Json metrics) {
  const Table table(scores);
  metrics["table"] = table.json();
  metrics["runs"] = Json::array();
  for (const auto& score : scores) {
    metrics["runs"].push_back(
        {{"method", score.method}, {"target", score.target}, {"seed", score.seed}, {"test", score.metrics}});
  }
  const std::string notice =
      "\nIntervals are 95 % bootstrap over patients; with several seeds, mean ± standard deviation over "
      "seeds. "
      "Research software: not a medical device, not for diagnosis.\n";
  imaging::write_file(out / "table.csv", table.csv());
  imaging::write_file(out / "table.md", table.markdown() + notice);
  imaging::write_file(out / "metrics.json", json_text(metrics));
  metrics["markdown"] = table.markdown();
  return metrics;
}

Json evaluate_package(const RetinaEvaluateRequest& request, RetinaCohort cohort,
                      const RunEnvironment& environment, const imaging::JobContext& job) {
  const auto package = find_package(request.model);
  const auto grader = models::open_retina_grader(package, environment.device);
  RetinaPictures pictures(request.data, request.reading, grader->crop_size());
  pictures.check(cohort, 1, job);
  log_skipped(cohort);
  const auto predictions = grade_photographs(*grader, cohort.photographs, pictures, job);
  write_retina_predictions(request.out / "predictions.csv", predictions);
  const auto seed = static_cast<std::uint64_t>(request.runtime.seed);
  std::vector<Score> scores;
  const auto add = [&](const std::string& target, const std::vector<RetinaPrediction>& rows) {
    scores.push_back(
        {package.name(), target, seed, measure_grading(rows, grader->referable_threshold(), seed)});
  };
  for (const auto& domain : cohort.domains) {
    std::vector<RetinaPrediction> rows;
    std::copy_if(predictions.begin(), predictions.end(), std::back_inserter(rows),
                 [&](const auto& made) { return made.domain == domain; });
    add(domain, rows);
  }
  if (cohort.domains.size() > 1) add(kTogether, predictions);
  const auto& lesions = request.data.lesions;
  const auto evidence =
      lesions.empty() ? Json() : score_evidence(*grader, cohort.photographs, lesions, pictures, job);
  return write_tables(request.out, scores,
                      {{"schema", "tessera.retina-evaluation/1"},
                       {"evidence", evidence},
                       {"model", {{"name", package.name()}, {"sha256", package.sha256()}}},
                       {"runtime", environment.to_json()},
                       {"finished", utc_now()},
                       {"skipped", skipped_json(cohort)}});
}

}  // namespace

Json evaluate_retina(const RetinaEvaluateRequest& request, const imaging::JobContext& job) {
  const auto& options = request.protocol;
  imaging::check_options(options);
  models::visit_option_sets(request.plan, [](const auto& set) { imaging::check_options(set); });
  const auto environment = prepare_environment(request.runtime);
  const auto first_seed = static_cast<std::uint64_t>(request.runtime.seed);
  auto cohort = read_retina_cohort(request.data, first_seed);
  if (!request.model.empty()) return evaluate_package(request, std::move(cohort), environment, job);

  RetinaPictures pictures(request.data, request.reading, request.plan.network.crop);
  pictures.check(cohort, static_cast<std::size_t>(request.plan.training.workers), job);
  log_skipped(cohort);
  const auto tasks_of = [&](std::uint64_t seed) {
    return options.protocol == "crossval"
               ? fold_tasks(cohort, options.folds, request.data.crossval_share, seed)
               : domain_tasks(cohort, options.protocol == "esdg");
  };
  (void)tasks_of(first_seed);  // refuses before the first training
  std::optional<BaselineFeatures> features;
  if (!options.baseline.empty())
    features = compute_features(cohort, options, pictures, environment.device, job);
  const auto methods = options.methods.empty() ? std::vector{request.plan.training.method} : options.methods;

  std::vector<Score> scores;
  const bool is_pooled = options.protocol == "crossval";
  for (std::int64_t repeat = 0; repeat < options.repeats; ++repeat) {
    const auto seed = first_seed + static_cast<std::uint64_t>(repeat);
    const auto tasks = tasks_of(seed);
    std::map<std::string, std::vector<RetinaPrediction>> pooled;
    const auto note = [&](const std::string& method, const Task& task, std::vector<RetinaPrediction> rows) {
      if (!is_pooled) {
        scores.push_back({method, task.name, seed, measure_grading(rows, options.threshold, seed)});
        return;
      }
      auto& all = pooled[method];
      all.insert(all.end(), rows.begin(), rows.end());
    };
    for (const auto& task : tasks) {
      if (features) note(kBaseline, task, predict_baseline(task, *features));
      for (const auto& method : methods) {
        RetinaRun run{.out = request.out / "runs" / method / fmt::format("{}-{}", task.name, seed),
                      .sources = task.sources,
                      .training = task.training,
                      .test = task.test,
                      .plan = request.plan,
                      .card = {.referable_threshold = options.threshold},
                      .seed = seed};
        run.plan.training.method = method;
        imaging::log(imaging::LogLevel::info, fmt::format("{}: {}, seed {}", method, task.name, seed));
        (void)run_retina_training(run, pictures, environment, job);
        note(method, task, read_test_predictions(run.out / "predictions.csv", task));
      }
    }
    for (const auto& [method, rows] : pooled) {
      for (const auto& domain : cohort.domains) {
        std::vector<RetinaPrediction> own;
        std::copy_if(rows.begin(), rows.end(), std::back_inserter(own),
                     [&](const auto& made) { return made.domain == domain; });
        scores.push_back({method, domain, seed, measure_grading(own, options.threshold, seed)});
      }
      write_retina_predictions(request.out / fmt::format("predictions-{}-{}.csv", method, seed), rows);
    }
  }
  return write_tables(request.out, scores,
                      {{"schema", "tessera.retina-evaluation/1"},
                       {"protocol", imaging::options_to_json(options)},
                       {"training", models::plan_to_json(request.plan)},
                       {"domains", cohort.domains},
                       {"photographs", cohort.photographs.size()},
                       {"runtime", environment.to_json()},
                       {"finished", utc_now()},
                       {"skipped", skipped_json(cohort)}});
}

}  // namespace workflows
