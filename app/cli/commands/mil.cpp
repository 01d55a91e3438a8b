#include "app/workflows/mil.h"

#include <fmt/format.h>

#include "app/cli/bind_fields.h"
#include "app/cli/command_table.h"
#include "app/cli/commands/batch_reply.h"

namespace cli {
namespace {

std::string part_text(const nlohmann::ordered_json& metrics, std::string_view part) {
  if (metrics.is_null()) return fmt::format("{}: no labelled bags\n", part);
  const auto& auc = metrics["auc"];
  return fmt::format("{}: {} bags, AUC {}, accuracy {:.3f}, balanced {:.3f}\n", part,
                     metrics["cases"].get<std::int64_t>(),
                     auc.is_null() ? std::string("not defined") : fmt::format("{:.3f}", auc.get<double>()),
                     metrics["accuracy"].get<double>(), metrics["balanced_accuracy"].get<double>());
}

void attach_train(CLI::App& command, Session& session) {
  auto request = std::make_shared<workflows::MilTrainRequest>();
  command.add_option("--bags", request->bags, "Folder of features: ours, CLAM's, TRIDENT's or STAMP's")
      ->required()
      ->type_name("DIR");
  command.add_option("--labels", request->labels, "Labels of slides and their patients")
      ->required()
      ->type_name("CSV");
  command
      .add_option("--split", request->split, "Which slides train, validate and test, as CLAM's splits_k.csv")
      ->type_name("CSV");
  command.add_option("--out", request->out, "Folder of the run; the package is OUT/model")
      ->required()
      ->type_name("DIR");
  command.add_option("--name", request->name, "Name of the package; by default the folder's");
  command.add_option("--training-data", request->training_data,
                     "What the bags come from, for the model card");
  command.add_option("--licence", request->licence, "Licence of the package");
  bind_fields(command, request->split_options);
  mil::visit_option_sets(request->plan, [&](auto& options) { bind_fields(command, options); });
  command.callback([request, &session] {
    session.run([&](const imaging::JobContext& job) {
      request->runtime = session.runtime();
      Reply reply;
      reply.json = workflows::train_mil(*request, job);
      reply.text = fmt::format("best epoch {} of {}\n", reply.json["best_epoch"].get<std::int64_t>(),
                               reply.json["epochs"].get<std::int64_t>()) +
                   part_text(reply.json["validation"], "validation") + part_text(reply.json["test"], "test") +
                   (request->out / "model").string();
      return reply;
    });
  });
}

void attach_predict(CLI::App& command, Session& session) {
  auto request = std::make_shared<workflows::MilPredictRequest>();
  command
      .add_option("--model", request->model,
                  "Slide classifier: a package's path, or the name of an installed one")
      ->required()
      ->type_name("PKG");
  command.add_option("--bags", request->bags, "Folder of features")->required()->type_name("DIR");
  command.add_option("--labels", request->labels, "Labels, for metrics")->type_name("CSV");
  command
      .add_option("--truth", request->truth, "Folder with ID.geojson outlines, to measure the tile scores")
      ->type_name("DIR");
  command.add_option("--truth-class", request->truth_class, "Class of the outlines that count")
      ->capture_default_str();
  command.add_option("--out", request->out, "Folder for predictions.csv")->required()->type_name("DIR");
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
      reply.text += fmt::format("{} of {} bags classified; {}\n", bags - failed, bags,
                                (request->out / "predictions.csv").string());
      if (!reply.json["metrics"].is_null()) reply.text += part_text(reply.json["metrics"], "labelled");
      if (const auto& tiles = reply.json["tile_auc"]; !tiles.is_null()) {
        reply.text += fmt::format("tile scores: AUC {:.3f} pooled, {:.3f} mean of {} slides\n",
                                  tiles["pooled"].get<double>(), tiles["mean"].get<double>(),
                                  tiles["slides"].get<std::int64_t>());
      }
      reply.exit_code = exit_code_of_batch(failed, bags);
      return reply;
    });
  });
}

}  // namespace

void attach_mil(CLI::App& command, Session& session) {
  command.require_subcommand(1);
  attach_train(*command.add_subcommand("train", "Train a slide classifier on bags of features"), session);
  attach_predict(*command.add_subcommand("predict", "Classify bags of features"), session);
}

}  // namespace cli
