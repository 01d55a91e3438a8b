#include <fmt/format.h>
#include <fmt/ranges.h>

#include "imaging/base/csv.h"
#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/base/options_json.h"
#include "mil/aggregators/import_weights.h"
#include "mil/training/import_classifier.h"
#include "mil/training/trainer.h"
#include "models/runtime/model_package.h"
#include "models/runtime/package_folder.h"
#include "models/runtime/pth_reader.h"

namespace mil {
namespace fs = std::filesystem;
namespace {

using imaging::Error;
using imaging::ErrorCode;
using nlohmann::ordered_json;

ordered_json input_bag_json(const BagOrigin& origin) {
  ordered_json bag = {{"dim", origin.dim}};
  if (!origin.encoder_name.empty()) bag["encoder_name"] = origin.encoder_name;
  if (!origin.encoder_sha256.empty()) bag["encoder_sha256"] = origin.encoder_sha256;
  if (origin.tile_px > 0) bag["tile_px"] = origin.tile_px;
  if (origin.tile_mpp > 0) bag["mpp"] = origin.tile_mpp;
  if (origin.tile_px > 0 && origin.tile_mpp > 0)
    bag["tile_um"] = origin.tile_mpp * static_cast<double>(origin.tile_px);
  return bag;
}

ordered_json make_manifest(const TrainingResult& result, const PackageTexts& texts) {
  ordered_json metrics = ordered_json::object();
  if (result.validation)
    metrics["validation"] = models::metrics_to_json(*result.validation, result.class_names);
  if (result.test) metrics["test"] = models::metrics_to_json(*result.test, result.class_names);
  return {{"schema", "tessera.model/1"},
          {"name", texts.name},
          {"task", "slide-classification"},
          {"architecture", result.architecture},
          {"architecture_arguments", result.architecture_arguments},
          {"class_names", result.class_names},
          {"input_bag", input_bag_json(result.origin)},
          {"threshold", result.threshold
                            ? ordered_json{{"value", *result.threshold}, {"from", result.threshold_from}}
                            : ordered_json()},
          {"metrics", metrics},
          {"training",
           {{"options", plan_to_json(result.plan)},
            {"seed", result.seed},
            {"initialisation_sha256", result.initialisation_sha256},
            {"bags", result.train_count},
            {"epochs", result.curve.size()},
            {"best_epoch", result.best_epoch}}},
          {"training_data", texts.training_data},
          {"intended_use", texts.intended_use},
          {"limitations", texts.limitations},
          {"licence", texts.licence}};
}

std::string metrics_row(const char* part, const std::optional<models::ClassificationMetrics>& metrics) {
  if (!metrics) return fmt::format("| {} | 0 | - | - | - |\n", part);
  const auto auc = metrics->auc ? fmt::format("{:.3f}", *metrics->auc) : std::string("-");
  return fmt::format("| {} | {} | {} | {:.3f} | {:.3f} |\n", part, metrics->cases, auc,
                     metrics->balanced_accuracy, metrics->macro_f1);
}

/// What people must know of a method to judge its numbers.
std::string method_note(const TrainingResult& result) {
  const auto& plan = result.plan;
  if (plan.training.method == "scmil") {
    return fmt::format(
        "SC-MIL here is our reconstruction; no official code is public (and it is not Sparsely Coded MIL). "
        "Batches of {} bags, sampled {}; at most {} tiles of a bag per training step (0: all).\n\n",
        plan.scmil.scmil_batch,
        plan.scmil.scmil_sampler == "balanced"
            ? "balanced over the classes, so that rare ones are seen more often than they occur"
            : "as the classes occur",
        plan.scmil.scmil_instances);
  }
  if (plan.training.method == "ins") {
    return fmt::format(
        "INS: {} is the negative class, whose tiles count as known negatives; tiles of {} were labelled by "
        "the "
        "method itself.\n\n",
        result.class_names.front(), result.class_names.back());
  }
  return {};
}

std::string make_card(const TrainingResult& result, const PackageTexts& texts) {
  const auto& origin = result.origin;
  auto card =
      fmt::format("# {}\n\nA slide classifier ({}, trained with {}) for the classes {}.\n\n", texts.name,
                  result.architecture, result.plan.training.method, fmt::join(result.class_names, ", "));
  card += fmt::format("- Input: {} features per tile", origin.dim);
  if (!origin.encoder_name.empty()) card += fmt::format(" of the encoder {}", origin.encoder_name);
  if (origin.tile_px > 0 && origin.tile_mpp > 0) {
    card += fmt::format(", tiles of {} px at {} um/px", origin.tile_px, origin.tile_mpp);
  }
  card += fmt::format(
      "\n- Training: {} bags, weights of epoch {} of {}, seed {}\n- Training data: {}\n- Intended use: {}\n- "
      "Limitations: "
      "{}\n- Licence: {}\n\n",
      result.train_count, result.best_epoch, result.curve.size(), result.seed, texts.training_data,
      texts.intended_use, texts.limitations, texts.licence);
  card += method_note(result);
  if (result.threshold) {
    card += fmt::format(
        "Called {} from a probability of {:.4g} on; the threshold is Youden's on the {} part.\n\n",
        result.class_names.back(), *result.threshold, result.threshold_from);
  }
  card += "| part | bags | AUC | balanced accuracy | macro F1 |\n|---|---|---|---|---|\n";
  card += metrics_row("validation", result.validation) + metrics_row("test", result.test);
  card +=
      "\nThe validation part chose the epoch, so its numbers flatter. Research use only, not for "
      "diagnosis.\n";
  return card;
}

std::string curve_csv(const std::vector<EpochRecord>& curve) {
  const auto text = [](const std::optional<double>& value) {
    return value ? fmt::to_string(*value) : std::string();
  };
  auto csv = imaging::csv_line({"epoch", "train_loss", "validation_loss", "validation_auc"});
  for (const auto& record : curve) {
    csv += imaging::csv_line({fmt::to_string(record.epoch), fmt::to_string(record.train_loss),
                              text(record.validation_loss), text(record.validation_auc)});
  }
  return csv;
}

std::vector<std::string> class_names_of(const ImportOptions& options, std::int64_t class_count) {
  auto names = options.class_name;
  if (names.empty()) {
    for (std::int64_t c = 0; c < class_count; ++c) names.push_back(fmt::to_string(c));
  }
  if (static_cast<std::int64_t>(names.size()) != class_count) {
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("The checkpoint has {} classes; {} names were given.", class_count, names.size()));
  }
  return names;
}

}  // namespace

void write_classifier_package(const fs::path& folder, const TrainingResult& result,
                              const PackageTexts& texts) {
  models::PackageFolder package(folder);
  const auto& making = package.path();
  models::write_safetensors(making / "model.safetensors", *result.weights);
  if (result.training_cloud) result.training_cloud->write(making / kFeatureCloudFile);
  imaging::write_file(making / "README.md", make_card(result, texts));
  imaging::write_file(making / "training_curve.csv", curve_csv(result.curve));
  models::seal_package(making, make_manifest(result, texts));
  package.publish();
}

void import_classifier(const fs::path& checkpoint, const ImportOptions& options, const BagOrigin& origin,
                       const fs::path& folder) {
  imaging::check_options(options);
  const auto official = models::read_pth(checkpoint);
  const auto imported = [&] {
    try {
      return import_weights(official, options.base == "auto" ? "" : options.base);
    } catch (const Error& error) {
      throw Error(error.code(), fmt::format("{}: {}", checkpoint.string(), error.what()));
    }
  }();
  auto arguments = imported.arguments;
  if (options.activation != "auto") arguments["activation"] = options.activation;
  if (options.attention_activation != "auto" && arguments.contains("attention_activation"))
    arguments["attention_activation"] = options.attention_activation;
  const auto classes = class_names_of(options, arguments.at("class_count").get<std::int64_t>());
  const auto dim = arguments.at("input_dim").get<std::int64_t>();
  if (origin.dim != 0 && origin.dim != dim) {
    throw Error(ErrorCode::incompatible,
                fmt::format("The checkpoint takes {} features per tile; the encoder {} gives {}.", dim,
                            origin.encoder_name, origin.dim));
  }
  auto bag = origin;
  bag.dim = dim;
  const auto source = checkpoint.filename().string();
  models::PackageFolder package(folder);
  const auto& making = package.path();
  models::write_safetensors(making / "model.safetensors", imported.weights);
  imaging::write_file(
      making / "README.md",
      fmt::format("# {}\n\nA slide classifier ({}) for the classes {}, imported from the checkpoint {} "
                  "(sha256 {}).\n\n- Input: {} features per tile{}\n- Licence: {}\n\nNot trained or "
                  "assessed here. Research use only, not for diagnosis.\n",
                  options.name, imported.base, fmt::join(classes, ", "), source,
                  imaging::sha256_of_file(checkpoint), dim,
                  bag.encoder_name.empty() ? "" : " of the encoder " + bag.encoder_name, options.licence));
  models::seal_package(making, {{"schema", "tessera.model/1"},
                                {"name", options.name},
                                {"task", "slide-classification"},
                                {"architecture", imported.base},
                                {"architecture_arguments", arguments},
                                {"class_names", classes},
                                {"input_bag", input_bag_json(bag)},
                                {"imported_from", source},
                                {"training_data", "not stated"},
                                {"intended_use", "research; not for diagnosis"},
                                {"limitations", "not trained or assessed here"},
                                {"licence", options.licence}});
  package.publish();
}

}  // namespace mil
