#include "app/workflows/retina_train.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "app/workflows/batch.h"
#include "app/workflows/curve_plot.h"
#include "app/workflows/mil_run.h"
#include "imaging/base/csv.h"
#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/base/json_text.h"
#include "imaging/base/log.h"
#include "imaging/base/options_json.h"
#include "models/retina/grader_package.h"
#include "models/retina/retina_grader.h"

namespace workflows {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;

std::string photographs_sha256(const std::vector<RetinaPhotograph>& photographs) {
  std::string text;
  for (const auto& photograph : photographs) {
    text += fmt::format("{}\t{}\t{}\t{}\t{}\n", photograph.id, photograph.part, photograph.label,
                        photograph.oedema.value_or(-1), photograph.has_lesions);
  }
  return imaging::sha256_of(text);
}

Json identity_of(const RetinaRun& run) {
  auto training = models::plan_to_json(run.plan);
  for (const char* name : {"workers", "cache_mb"}) training.erase(name);
  const auto& weights = run.plan.network.weights;
  if (!weights.empty()) training["weights"] = "sha256:" + imaging::sha256_of_file(weights);
  return {{"schema", "tessera.retina-run/1"},
          {"training", training},
          {"seed", run.seed},
          {"sources", run.sources},
          {"photographs",
           {{"training", run.training.size()},
            {"test", run.test.size()},
            {"sha256", photographs_sha256(run.training) + photographs_sha256(run.test)}}},
          {"package", imaging::options_to_json(run.card)}};
}

std::string cell(const std::optional<double>& value) {
  return value ? fmt::format("{}", *value) : "";
}

void write_curves(const fs::path& out, const models::RetinaTrainingResult& result) {
  auto text = imaging::csv_line({"epoch", "train_loss", "validation_loss", "validation_auc"});
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
                   {{"Loss", {train, validation}, {}, {}}, {"One-vs-one AUC", {auc}, 0.0, 1.0}},
                   result.best_epoch);
}

Json fit_json(const std::optional<models::TemperatureFit>& fit) {
  if (!fit) return {};
  return {{"temperature", fit->temperature},
          {"cases", fit->cases},
          {"nll_before", fit->nll_before},
          {"nll_after", fit->nll_after},
          {"ece_before", fit->ece_before},
          {"ece_after", fit->ece_after},
          {"note", fit->note}};
}

std::string method_text(const models::RetinaTrainingPlan& plan) {
  const auto& method = plan.training.method;
  if (plan.training.epochs == 0) return "the network as it started, linear heads set in closed form";
  if (method == "deco")
    return "DECO-style training, after the published figure and abstract (no official code is public)";
  if (method == "gdrnet") return "GDRNet's losses and augmentation";
  return "plain cross-entropy (ERM)";
}

std::string value_text(const Json& metrics, const char* name) {
  if (!metrics.contains(name) || metrics[name].is_null()) return "not available";
  auto text = fmt::format("{:.3f}", metrics[name].get<double>());
  if (metrics["intervals"].contains(name)) {
    text += fmt::format(" ({:.3f} to {:.3f})", metrics["intervals"][name][0].get<double>(),
                        metrics["intervals"][name][1].get<double>());
  }
  return text;
}

std::string make_card(const RetinaRun& run, const models::RetinaTrainingResult& result,
                      const std::string& name, const Json& validation) {
  auto card = fmt::format(
      "# {}\n\nA fundus grader: ICDR grades 0 to 4 ({}){}. Network {}, {} px; {}.\n\n"
      "Research software: not a medical device, not for diagnosis.\n\n",
      name, fmt::join(models::fundus_grade_names(), ", "),
      result.arguments.oedema_count > 0 ? " and the risk of macular oedema 0 to 2" : "",
      result.arguments.architecture, run.plan.network.input, method_text(run.plan));
  card += "| source | training photographs |\n|---|---|\n";
  for (std::size_t d = 0; d < result.domains.size(); ++d)
    card += fmt::format("| {} | {} |\n", result.domains[d], result.domain_counts[d]);
  card += fmt::format(
      "\nGrades 0 to 4 among them: {}. {}Seed {}.\n\n- Training data: {}\n- Limitations: {}\n- Licence: {}\n",
      fmt::join(result.class_counts, ", "),
      result.curve.empty()
          ? std::string()
          : fmt::format("Weights of epoch {} of {}. ", result.best_epoch, result.curve.size()),
      result.seed, run.card.training_data, run.card.limitations, run.card.licence);
  if (result.calibration) {
    card += fmt::format(
        "- Calibration: temperature {:.3f}, {}; ECE {:.3f} before, {:.3f} after (on the same {} "
        "photographs)\n",
        result.calibration->temperature,
        result.calibration_note.empty() ? "fitted on the validation part" : result.calibration_note,
        result.calibration->ece_before, result.calibration->ece_after, result.calibration->cases);
  }
  if (!validation.is_null()) {
    card += fmt::format(
        "\nValidation part of the sources ({} photographs; it chose the weights, so its numbers "
        "flatter), with 95 % intervals over patients:\n\n| value | |\n|---|---|\n",
        validation["cases"].get<std::int64_t>());
    for (const auto& column : grading_columns())
      card += fmt::format("| {} | {} |\n", column, value_text(validation, column.c_str()));
  }
  if (!run.card.card_text.empty()) card += "\n" + imaging::read_file(run.card.card_text);
  return card;
}

void write_package(const RetinaRun& run, const fs::path& folder, const models::RetinaTrainingResult& result,
                   const Json& validation) {
  models::GraderPackage package;
  package.name = package_texts({.name = run.card.name}, run.out).name;
  package.arguments = result.arguments;
  package.weights = result.weights;
  package.transform = result.transform;
  package.test_time_views = run.plan.network.test_flips ? "flips" : "plain";
  package.referable_threshold = run.card.referable_threshold;
  if (result.calibration) {
    package.calibration = fit_json(result.calibration);
    package.calibration["method"] = "temperature";
  }
  if (result.oedema_calibration)
    package.calibration["oedema_temperature"] = result.oedema_calibration->temperature;
  package.abstention = {
      {"min_confidence", run.card.min_confidence > 0 ? Json(run.card.min_confidence) : Json()},
      {"max_ood", nullptr}};
  package.cloud = result.cloud;
  package.facts = {{"metrics", {{"validation", validation}}},
                   {"training",
                    {{"options", models::plan_to_json(result.plan)},
                     {"seed", result.seed},
                     {"domains", result.domains},
                     {"domain_counts", result.domain_counts},
                     {"class_counts", result.class_counts},
                     {"epochs", result.curve.size()},
                     {"best_epoch", result.best_epoch}}},
                   {"training_data", run.card.training_data},
                   {"intended_use", "research; not for diagnosis"},
                   {"limitations", run.card.limitations},
                   {"licence", run.card.licence}};
  package.card = make_card(run, result, package.name, validation);
  models::write_grader_package(folder, package, run.card.half);
}

std::vector<RetinaPrediction> grade_by(const fs::path& folder,
                                       const std::vector<RetinaPhotograph>& photographs,
                                       RetinaPictures& pictures, const RunEnvironment& environment,
                                       const imaging::JobContext& job) {
  const auto grader = models::open_retina_grader(models::ModelPackage::open(folder), environment.device);
  return grade_photographs(*grader, photographs, pictures, job);
}

/// The validation part as the training left it.
std::vector<RetinaPrediction> validation_predictions(const RetinaRun& run,
                                                     const models::RetinaTrainingSet& set,
                                                     const models::RetinaTrainingResult& result) {
  std::map<std::string, const RetinaPhotograph*> by_id;
  for (const auto& photograph : run.training) by_id[photograph.id] = &photograph;
  std::vector<RetinaPrediction> predictions;
  for (const auto& example : set.validation) {
    const auto& photograph = *by_id.at(example.id);
    const auto row = std::ssize(predictions);
    const auto take = [&](const std::vector<double>& values, std::ptrdiff_t width) {
      if (values.empty()) return std::vector<double>();
      return std::vector<double>(values.begin() + row * width, values.begin() + (row + 1) * width);
    };
    predictions.push_back({.id = photograph.id,
                           .domain = photograph.domain,
                           .part = photograph.part,
                           .patient = photograph.patient,
                           .label = photograph.label,
                           .oedema = photograph.oedema,
                           .probabilities = take(result.validation_probabilities, 5),
                           .oedema_probabilities = take(result.validation_oedema, 3)});
  }
  return predictions;
}

}  // namespace

Json run_retina_training(const RetinaRun& run, RetinaPictures& pictures, const RunEnvironment& environment,
                         const imaging::JobContext& job) {
  const auto identity = identity_of(run);
  check_run_folder(run.out, identity, {"model", "metrics.json", "predictions.csv", "checkpoint"});
  const auto finished = run.out / "metrics.json";
  if (fs::exists(finished)) {
    auto metrics = imaging::parse_json<Json>(imaging::read_file(finished), finished.string());
    metrics["was_finished"] = true;
    return metrics;
  }
  const auto package_folder = run.out / "model";
  const auto set = make_training_set(run.training, run.sources, pictures);
  const auto on_epoch = [&](const models::RetinaEpoch& epoch) {
    write_run_config(run.out, identity);
    auto line = fmt::format("epoch {}: loss {:.4f}", epoch.epoch, epoch.train_loss);
    if (epoch.validation_loss) line += fmt::format(", validation {:.4f}", *epoch.validation_loss);
    if (epoch.validation_auc) line += fmt::format(", AUC {:.3f}", *epoch.validation_auc);
    imaging::log(imaging::LogLevel::info, line);
  };
  const auto result = models::train_grader(set, run.plan, run.seed, environment.device, job,
                                           run.out / "checkpoint" / "training.safetensors", on_epoch);
  write_run_config(run.out, identity);  // of a run without epochs
  auto predictions = validation_predictions(run, set, result);
  const auto threshold = run.card.referable_threshold;
  const auto validation = measure_grading(predictions, threshold, run.seed);
  fs::remove_all(package_folder);
  write_package(run, package_folder, result, validation);
  const auto tested = grade_by(package_folder, run.test, pictures, environment, job);
  const auto test = measure_grading(tested, threshold, run.seed);
  for (const auto& made : tested) predictions.push_back(made);
  for (auto& made : predictions) {
    if (std::find(run.sources.begin(), run.sources.end(), made.domain) == run.sources.end())
      made.part = "test";
  }
  write_retina_predictions(run.out / "predictions.csv", predictions);
  write_curves(run.out, result);
  Json metrics = {{"best_epoch", result.best_epoch},
                  {"epochs", result.curve.size()},
                  {"sources", run.sources},
                  {"model_sha256", models::ModelPackage::open(package_folder).sha256()},
                  {"calibration", fit_json(result.calibration)},
                  {"calibration_note", result.calibration_note},
                  {"runtime", environment.to_json()},
                  {"finished", utc_now()},
                  {"validation", validation},
                  {"test", test}};
  imaging::write_file(finished, json_text(metrics));
  fs::remove_all(run.out / "checkpoint");
  metrics["was_finished"] = false;
  return metrics;
}

void log_skipped(const RetinaCohort& cohort) {
  for (const auto& [id, reason] : cohort.skipped)
    imaging::log(imaging::LogLevel::warning, fmt::format("{} is left out: {}", id, reason));
}

Json skipped_json(const RetinaCohort& cohort) {
  auto skipped = Json::array();
  for (const auto& [id, reason] : cohort.skipped) skipped.push_back({{"id", id}, {"reason", reason}});
  return skipped;
}

Json train_retina(const RetinaTrainRequest& request, const imaging::JobContext& job) {
  models::visit_option_sets(request.plan, [](const auto& options) { imaging::check_options(options); });
  imaging::check_options(request.card);
  const auto environment = prepare_environment(request.runtime);
  const auto seed = static_cast<std::uint64_t>(request.runtime.seed);
  auto cohort = read_retina_cohort(request.data, seed);
  RetinaPictures pictures(request.data, request.reading, request.plan.network.crop);
  pictures.check(cohort, static_cast<std::size_t>(request.plan.training.workers), job);
  log_skipped(cohort);
  const RetinaRun run{.out = request.out,
                      .sources = cohort.domains,
                      .training = cohort.photographs,
                      .plan = request.plan,
                      .card = request.card,
                      .seed = seed};
  auto metrics = run_retina_training(run, pictures, environment, job);
  metrics["skipped"] = skipped_json(cohort);
  return metrics;
}

}  // namespace workflows
