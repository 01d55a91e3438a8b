#include "app/workflows/refine_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/types.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "app/workflows/mil_cohort.h"
#include "app/workflows/mil_predictions.h"
#include "app/workflows/mil_run.h"
#include "app/workflows/model_registry.h"
#include "app/workflows/run_environment.h"
#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/base/log.h"
#include "models/runtime/calibration.h"
#include "models/runtime/safetensors.h"
#include "models/runtime/soup.h"

namespace workflows {
namespace fs = std::filesystem;
namespace {

using imaging::Error;
using imaging::ErrorCode;
using models::ModelPackage;
using Json = nlohmann::ordered_json;

constexpr const char* kWeights = "model.safetensors";

/// What a package made of others changes.
struct Derivation {
  Json facts;                                  ///< merged into the parent's manifest; null takes a key away
  std::string words;                           ///< added to the parent's card
  const models::TensorMap* weights = nullptr;  ///< in place of the parent's
};

std::string name_of(const fs::path& out) {
  const auto folder = fs::absolute(out).lexically_normal();
  return (folder.has_filename() ? folder : folder.parent_path()).stem().string();
}

/// Writes the new package, which appears whole or not at all, and opens it.
ModelPackage derive_package(const ModelPackage& parent, const fs::path& out, const Derivation& derivation) {
  const auto target = fs::absolute(out.has_filename() ? out : out.parent_path());
  if (fs::exists(target)) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("'{}' exists already; choose another --out.", target.string()));
  }
  const auto making =
      target.parent_path() / fmt::format(".{}.{}.tmp", target.filename().string(), ::getpid());
  struct Remover {
    const fs::path& path;
    ~Remover() {
      std::error_code ignored;
      fs::remove_all(path, ignored);
    }
  } const remover{making};
  fs::create_directories(making);
  for (const auto& entry : fs::directory_iterator(parent.folder()))
    fs::copy(entry.path(), making / entry.path().filename(), fs::copy_options::recursive);
  auto manifest = parent.manifest();
  manifest["name"] = name_of(target);
  manifest.merge_patch(derivation.facts);
  if (derivation.weights) models::write_safetensors(making / kWeights, *derivation.weights);
  imaging::write_file(making / "README.md", parent.card() + "\n" + derivation.words);
  models::seal_package(making, manifest);
  if (target.extension() == ".tsr") {
    models::zip_package(making, target);
  } else {
    std::error_code failed;
    fs::rename(making, target, failed);
    if (failed) {
      throw Error(ErrorCode::io_error,
                  fmt::format("Cannot write '{}': {}.", target.string(), failed.message()));
    }
  }
  return ModelPackage::open(target);
}

Json identity_json(const ModelPackage& package) {
  return {{"name", package.name()}, {"sha256", package.sha256()}};
}

/// Labelled bags as a classifier sees them.
struct Seen {
  std::vector<BagPrediction> rows;
  std::vector<double> logits;  ///< [N, C] of the rows that are done
  std::vector<std::int64_t> labels;
};

Seen see(const ModelPackage& package, const MilCohort& cohort, const std::string& device,
         const std::string& stage, const imaging::JobContext& job) {
  const auto classifier = mil::open_classifier(package, device);
  const auto class_names = package.class_names();
  const auto label_of = mil::label_indices(cohort.labels, class_names);
  Seen seen;
  for (const auto& row : cohort.labels.rows) {
    job.checkpoint(stage, std::ssize(seen.rows), std::ssize(cohort.labels.rows));
    auto made = classify_bag(*classifier, {}, class_names, row.id, cohort.files.at(row.id),
                             [&](const mil::Bag&, const mil::SlidePrediction& prediction) {
                               seen.logits.insert(seen.logits.end(), prediction.logits.begin(),
                                                  prediction.logits.end());
                               seen.labels.push_back(label_of.at(row.id));
                             });
    made.label = row.label;
    if (made.status == "failed") {
      imaging::log(imaging::LogLevel::warning, fmt::format("Left out: {}", made.reason));
    }
    seen.rows.push_back(std::move(made));
  }
  return seen;
}

/// The same verdicts at another temperature: for two classes p >= t is a limit on the logits' difference.
double move_threshold(double threshold, double sharpness) {
  if (threshold <= 0 || threshold >= 1) return threshold;
  return 1 / (1 + std::exp(-sharpness * std::log(threshold / (1 - threshold))));
}

Json or_null(const std::optional<double>& value) {
  return value ? Json(*value) : Json();
}

MilCohort cohort_for(const ModelPackage& package, const fs::path& bags, const fs::path& labels,
                     const std::string& group) {
  auto cohort =
      read_cohort({.bags = bags, .labels = labels, .classes = package.class_names(), .group = group});
  for (const auto& note : cohort.notes) imaging::log(imaging::LogLevel::warning, note + ".");
  return cohort;
}

/// A package for the life of this object.
struct CandidatePackage {
  fs::path folder = fs::temp_directory_path() / fmt::format("tessera-soup-{}", ::getpid());
  ~CandidatePackage() {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }
};

/// What averaged weights do not inherit.
Json soup_facts() {
  return {
      {"calibration", nullptr}, {"threshold", nullptr}, {"abstention", nullptr}, {"metrics", Json::object()}};
}

}  // namespace

Json calibrate_model(const CalibrateRequest& request, const imaging::JobContext& job) {
  imaging::check_options(request.abstention);
  const auto environment = prepare_environment(request.runtime);
  const auto parent = find_package(request.model);
  const auto cohort = cohort_for(parent, request.bags, request.labels, request.group);
  const auto seen = see(parent, cohort, environment.device, "bags", job);
  const auto fit = models::fit_temperature(seen.logits, seen.labels, std::ssize(parent.class_names()));
  if (!fit.note.empty()) imaging::log(imaging::LogLevel::warning, fit.note);

  const auto rule = decision_rule_of(parent, request.abstention);
  const auto before = parent.manifest().value("calibration", Json());
  const double earlier = before.is_object() ? before.value("temperature", 1.0) : 1.0;
  Derivation derivation;
  derivation.facts = {
      {"parent", identity_json(parent)},
      {"calibration",
       {{"method", "temperature"},
        {"temperature", fit.temperature},
        {"n", fit.cases},
        {"ece", fit.ece_after},
        {"ece_before", fit.ece_before},
        {"nll", fit.nll_after},
        {"nll_before", fit.nll_before},
        {"note", fit.note}}},
      {"abstention", {{"min_confidence", or_null(rule.min_confidence)}, {"max_ood", or_null(rule.max_ood)}}}};
  if (rule.threshold) {
    derivation.facts["threshold"] = {{"value", move_threshold(*rule.threshold, earlier / fit.temperature)},
                                     {"from", rule.threshold_from}};
  }
  derivation.words = fmt::format(
      "## Calibration\n\nMade of {} (sha256 {}) by temperature scaling on {} bags: temperature {:.4g}, "
      "expected "
      "calibration error {:.3f} before and {:.3f} after, on those same bags.\n",
      parent.name(), parent.sha256(), fit.cases, fit.temperature, fit.ece_before, fit.ece_after);
  if (rule.min_confidence)
    derivation.words += fmt::format("It abstains below a confidence of {:.4g}.\n", *rule.min_confidence);
  const auto package = derive_package(parent, request.out, derivation);
  const auto failed = std::count_if(seen.rows.begin(), seen.rows.end(),
                                    [](const BagPrediction& row) { return row.status == "failed"; });
  return {{"name", package.name()},
          {"sha256", package.sha256()},
          {"parent", derivation.facts["parent"]},
          {"calibration", derivation.facts["calibration"]},
          {"threshold", package.manifest().value("threshold", Json())},
          {"abstention", derivation.facts["abstention"]},
          {"failed", failed}};
}

Json soup_models(const SoupRequest& request, const imaging::JobContext& job) {
  if (request.models.size() < 2)
    throw Error(ErrorCode::invalid_argument, "A soup is made of two packages or more; name them.");
  if ((request.greedy && !request.bags) || request.bags.has_value() != request.labels.has_value()) {
    throw Error(ErrorCode::invalid_argument,
                "A greedy soup is chosen on held-out bags, and bags need labels; give --bags and --labels.");
  }
  if (fs::exists(request.out)) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("'{}' exists already; choose another --out.", request.out.string()));
  }
  const auto environment = prepare_environment(request.runtime);
  std::vector<ModelPackage> packages;
  for (const auto& name : request.models) packages.push_back(find_package(name));
  models::check_soup_members(packages);
  std::vector<models::TensorMap> weights;
  for (const auto& package : packages) weights.push_back(models::read_safetensors(package.file(kWeights)));
  std::optional<MilCohort> cohort;
  if (request.bags) cohort = cohort_for(packages.front(), *request.bags, *request.labels, request.group);
  const auto class_names = packages.front().class_names();
  const auto measure = [&](const ModelPackage& package, const std::string& stage) {
    const auto seen = see(package, *cohort, environment.device, stage, job);
    return measure_predictions(seen.rows, class_names, {}, patients_of(*cohort),
                               static_cast<std::uint64_t>(environment.seed));
  };

  models::GreedySoup soup;
  if (request.greedy) {
    const auto accuracy_of = [&](const ModelPackage& package, const std::string& stage) {
      const auto metrics = measure(package, stage);
      if (metrics.is_null())
        throw Error(ErrorCode::insufficient_data, "None of the held-out bags can be classified.");
      return metrics["accuracy"].get<double>();
    };
    std::vector<double> accuracies;
    for (std::size_t i = 0; i < packages.size(); ++i)
      accuracies.push_back(accuracy_of(packages[i], fmt::format("package {} of {}", i + 1, packages.size())));
    soup = models::greedy_soup(weights, accuracies, [&](const models::TensorMap& candidate) {
      const CandidatePackage made;
      return accuracy_of(derive_package(packages.front(), made.folder, {soup_facts(), "", &candidate}),
                         "soups");
    });
  } else {
    soup.weights = models::uniform_soup(weights);
    for (std::size_t i = 0; i < packages.size(); ++i) soup.members.push_back(i);
  }

  Json ingredients = Json::array(), left_out = Json::array();
  std::vector<std::string> names;
  for (std::size_t i = 0; i < packages.size(); ++i) {
    const bool is_in = std::find(soup.members.begin(), soup.members.end(), i) != soup.members.end();
    (is_in ? ingredients : left_out).push_back(identity_json(packages[i]));
    if (is_in) names.push_back(packages[i].name());
  }
  Derivation derivation{soup_facts(), "", &soup.weights};
  derivation.facts["soup"] = {
      {"kind", request.greedy ? "greedy" : "uniform"}, {"ingredients", ingredients}, {"left_out", left_out}};
  const auto& first = packages[soup.members.front()];
  derivation.words = fmt::format(
      "## Soup\n\nThe weights are the {} average of {} classifiers: {}. The numbers above are those of {} "
      "alone, and slides are unlike where they are unlike its training bags; calibration and threshold of "
      "the "
      "ingredients do not hold for it.\n",
      request.greedy ? "greedy" : "uniform", names.size(), fmt::join(names, ", "), first.name());
  const auto package = derive_package(first, request.out, derivation);
  return {{"name", package.name()},
          {"sha256", package.sha256()},
          {"ingredients", ingredients},
          {"left_out", left_out},
          {"metrics", cohort ? measure(package, "the soup") : Json()}};
}

}  // namespace workflows
