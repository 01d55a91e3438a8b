#include <fmt/format.h>

#include "app/cli/bind_fields.h"
#include "app/cli/command_table.h"
#include "app/cli/commands/batch_reply.h"
#include "app/workflows/mil_predict.h"
#include "app/workflows/mil_train.h"

namespace cli {
namespace {

using Json = nlohmann::ordered_json;

std::string number_text(const Json& value) {
  return value.is_number() ? fmt::format("{:.3f}", value.get<double>()) : "not defined";
}

/// " (0.71 to 0.93)", or nothing.
std::string interval_text(const Json& metrics, const char* name) {
  const auto& intervals = metrics["intervals"];
  if (!intervals.contains(name)) return "";
  return fmt::format(" ({:.3f} to {:.3f})", intervals[name][0].get<double>(),
                     intervals[name][1].get<double>());
}

std::string part_text(const Json& metrics, std::string_view part) {
  if (metrics.is_null()) return fmt::format("{}: no labelled bags\n", part);
  const auto abstained = metrics["abstained"].get<std::int64_t>();
  return fmt::format("{}: {} bags, AUC {}{}, accuracy {}{}, balanced {}{}\n", part,
                     metrics["cases"].get<std::int64_t>(), number_text(metrics["auc"]),
                     interval_text(metrics, "auc"), number_text(metrics["accuracy"]),
                     interval_text(metrics, "accuracy"), number_text(metrics["balanced_accuracy"]),
                     abstained > 0 ? fmt::format("; the model abstains from {}", abstained) : "");
}

void bind_data(CLI::App& command, workflows::MilData& data) {
  command.add_option("--bags", data.bags, "Folder of features: ours, CLAM's, TRIDENT's or STAMP's")
      ->required()
      ->type_name("DIR");
  command
      .add_option("--labels", data.labels,
                  "Labels: columns slide_id and label, and case_id for patients (CLAM), or id and label "
                  "without a header (MHIM)")
      ->required()
      ->type_name("CSV");
  command
      .add_option("--classes", data.classes,
                  "Classes in the order of their numbers; by default sorted. The second of two is the "
                  "positive one")
      ->delimiter(',')
      ->type_name("A,B,...");
  command
      .add_option("--group", data.group,
                  "What is one bag: a slide, or all slides of a patient (slide, patient)")
      ->check(CLI::IsMember({"slide", "patient"}).description(""))
      ->capture_default_str();
}

void bind_card(CLI::App& command, workflows::MilCard& card) {
  command.add_option("--name", card.name, "Name of the package; by default the folder's");
  command.add_option("--training-data", card.training_data, "What the bags come from, for the model card");
  command.add_option("--licence", card.licence, "Licence of the package");
}

void attach_train(CLI::App& command, Session& session) {
  auto request = std::make_shared<workflows::MilTrainRequest>();
  bind_data(command, request->data);
  command
      .add_option(
          "--split", request->split,
          "Which slides train, validate and test, as CLAM's splits_k.csv; by default patients are dealt")
      ->type_name("CSV");
  command
      .add_option(
          "--out", request->out,
          "Folder of the run; the package is OUT/model. The same command again goes on where it stopped")
      ->required()
      ->type_name("DIR");
  bind_card(command, request->card);
  bind_fields(command, request->split_options);
  mil::visit_option_sets(request->plan, [&](auto& options) { bind_fields(command, options); });
  command.footer(
      "Example:\n  tessera mil train --bags features/ --labels labels.csv --base abmil --out run/");
  command.callback([request, &session] {
    session.run([&](const imaging::JobContext& job) {
      request->runtime = session.runtime();
      Reply reply;
      reply.json = workflows::train_mil(*request, job);
      if (reply.json.empty()) return reply;  // of a process that does not write
      reply.text = fmt::format("{}best epoch {} of {}\n",
                               reply.json["was_finished"].get<bool>() ? "finished before; " : "",
                               reply.json["best_epoch"].get<std::int64_t>(),
                               reply.json["epochs"].get<std::int64_t>()) +
                   part_text(reply.json["validation"], "validation") + part_text(reply.json["test"], "test") +
                   (request->out / "model").string();
      return reply;
    });
  });
}

std::string spread_text(const Json& spreads, const char* name) {
  if (!spreads.contains(name)) return "not defined";
  const auto& spread = spreads[name];
  const auto folds = spread["folds"].get<std::int64_t>();
  return spread["std"].is_null() ? fmt::format("{} (1 fold)", number_text(spread["mean"]))
                                 : fmt::format("{} ± {} ({} folds)", number_text(spread["mean"]),
                                               number_text(spread["std"]), folds);
}

std::string crossval_text(const Json& metrics) {
  auto text = fmt::format("{:>6} {:>5} {:>5} {:>12} {:>9} {:>9} {:>9}\n", "repeat", "fold", "bags", "AUC",
                          "accuracy", "balanced", "macro F1");
  for (const auto& fold : metrics["folds"]) {
    const auto& test = fold["test"];
    if (test.is_null()) continue;
    text += fmt::format("{:>6} {:>5} {:>5} {:>12} {:>9} {:>9} {:>9}\n", fold["repeat"].get<std::int64_t>(),
                        fold["fold"].get<std::int64_t>(), test["cases"].get<std::int64_t>(),
                        number_text(test["auc"]), number_text(test["accuracy"]),
                        number_text(test["balanced_accuracy"]), number_text(test["macro_f1"]));
  }
  const auto& spreads = metrics["over_folds"];
  text += fmt::format("mean ± std: AUC {}, accuracy {}, balanced {}, macro F1 {}\n",
                      spread_text(spreads, "auc"), spread_text(spreads, "accuracy"),
                      spread_text(spreads, "balanced_accuracy"), spread_text(spreads, "macro_f1"));
  const bool is_repeated = metrics["repeats"].size() > 1;
  for (const auto& repeat : metrics["repeats"]) {
    text += part_text(
        repeat["pooled"],
        is_repeated ? fmt::format("pooled, repeat {}", repeat["repeat"].get<std::int64_t>()) : "pooled");
  }
  return text;
}

void attach_crossval(CLI::App& command, Session& session) {
  auto request = std::make_shared<workflows::MilCrossvalRequest>();
  bind_data(command, request->data);
  command
      .add_option(
          "--splits", request->splits,
          "Folder with CLAM's splits_0.csv, splits_1.csv, ...; by default folds are dealt by patient, "
          "every class alike, and saved as OUT/splits")
      ->type_name("DIR");
  command
      .add_option(
          "--out", request->out,
          "Folder with a run of each fold, metrics.csv and metrics.json. The same command again goes on "
          "where it stopped")
      ->required()
      ->type_name("DIR");
  bind_card(command, request->card);
  bind_fields(command, request->options);
  mil::visit_option_sets(request->plan, [&](auto& options) { bind_fields(command, options); });
  command.footer(
      "Example:\n  tessera mil crossval --bags features/ --labels labels.csv --folds 5 --out folds/");
  command.callback([request, &session] {
    session.run([&](const imaging::JobContext& job) {
      request->runtime = session.runtime();
      Reply reply;
      reply.json = workflows::crossval_mil(*request, job);
      if (reply.json.empty()) return reply;
      reply.text = crossval_text(reply.json) + (request->out / "metrics.csv").string();
      return reply;
    });
  });
}

/// What predict and evaluate share.
void bind_prediction(CLI::App& command, Session& session,
                     const std::shared_ptr<workflows::MilPredictRequest>& request) {
  command
      .add_option("--model", request->model,
                  "Slide classifier: a package's path, or the name of an installed one")
      ->required()
      ->type_name("PKG");
  command.add_option("--bags", request->bags, "Folder of features")->required()->type_name("DIR");
  auto* labels = command.add_option("--labels", request->labels, "Labels, for metrics")->type_name("CSV");
  if (request->labelled_only) labels->required();
  command
      .add_option("--group", request->group,
                  "What is one bag: a slide, or all slides of a patient, as the labels say (slide, patient)")
      ->check(CLI::IsMember({"slide", "patient"}).description(""))
      ->capture_default_str();
  command
      .add_option("--truth", request->truth, "Folder with ID.geojson outlines, to measure the tile scores")
      ->type_name("DIR");
  command.add_option("--truth-class", request->truth_class, "Class of the outlines that count")
      ->capture_default_str();
  command
      .add_option("--deletion", request->deletion,
                  "Follow this class's probability while tiles of its bags go, or come, highest score first")
      ->type_name("CLASS");
  command.add_flag("--tile-scores", request->tile_scores,
                   "Write OUT/tiles/ID.csv: every tile's place and scores");
  command.add_option("--out", request->out, "Folder for predictions.csv")->required()->type_name("DIR");
  bind_fields(command, request->decision);
  command.callback([request, &session] {
    session.run([&](const imaging::JobContext& job) {
      request->runtime = session.runtime();
      Reply reply;
      reply.json = workflows::predict_mil(*request, job);
      const auto bags = reply.json["bags"].get<std::size_t>(),
                 failed = reply.json["failed"].get<std::size_t>();
      for (const auto& failure : reply.json["failures"]) {
        reply.text += failure_line(failure["file"].get<std::string>(), failure["reason"].get<std::string>());
        reply.text += "\n";
      }
      const auto abstained = reply.json["abstained"].get<std::size_t>();
      reply.text += fmt::format("{} of {} bags classified{}; {}\n", bags - failed, bags,
                                abstained > 0 ? fmt::format(", {} of them abstained", abstained) : "",
                                (request->out / "predictions.csv").string());
      if (!reply.json["metrics"].is_null()) reply.text += part_text(reply.json["metrics"], "labelled");
      if (const auto& tiles = reply.json["tile_auc"]; !tiles.is_null()) {
        reply.text +=
            fmt::format("tile scores: AUC {} pooled, {} mean of {} slides\n", number_text(tiles["pooled"]),
                        number_text(tiles["mean"]), tiles["slides"].get<std::int64_t>());
      }
      if (const auto& areas = reply.json["deletion"]; !areas.is_null()) {
        reply.text +=
            fmt::format("deletion area {} (random {}), insertion area {} (random {}) over {} bags\n",
                        number_text(areas["deletion"]), number_text(areas["random_deletion"]),
                        number_text(areas["insertion"]), number_text(areas["random_insertion"]),
                        areas["bags"].get<std::int64_t>());
      }
      reply.exit_code = exit_code_of_batch(failed, bags);
      return reply;
    });
  });
}

void attach_evaluate(CLI::App& command, Session& session) {
  auto request = std::make_shared<workflows::MilPredictRequest>();
  request->labelled_only = true;
  bind_prediction(command, session, request);
  command.footer(
      "Example:\n  tessera mil evaluate --model run/model --bags features/ --labels test.csv --out "
      "evaluation/");
}

void attach_predict(CLI::App& command, Session& session) {
  bind_prediction(command, session, std::make_shared<workflows::MilPredictRequest>());
  command.footer("Example:\n  tessera mil predict --model run/model --bags features/ --out predictions/");
}

}  // namespace

void attach_mil(CLI::App& command, Session& session) {
  command.require_subcommand(1);
  attach_train(*command.add_subcommand("train", "Train a slide classifier on bags of features"), session);
  attach_crossval(*command.add_subcommand("crossval", "Train and test once per fold; resumes fold by fold"),
                  session);
  attach_evaluate(*command.add_subcommand("evaluate", "Measure a slide classifier on labelled bags"),
                  session);
  attach_predict(*command.add_subcommand("predict", "Classify bags of features"), session);
}

}  // namespace cli
