#include "app/cli/commands/retina_training.h"

#include <fmt/format.h>

#include "app/cli/bind_fields.h"
#include "app/workflows/retina_evaluate.h"
#include "app/workflows/retina_train.h"

namespace cli {
namespace {

using Json = nlohmann::ordered_json;

void bind_data(CLI::App& command, workflows::RetinaDataOptions& data) {
  command
      .add_option(
          "DATA", data.data,
          "Folders of labelled photographs: GDRBench's splits/<domain>_train.txt and _crossval.txt, or "
          "labels.csv")
      ->required()
      ->type_name("");
  bind_fields(command, data);
}

std::string part_text(const Json& metrics, std::string_view part) {
  if (metrics.is_null()) return "";
  auto text = fmt::format("{}: {} photographs", part, metrics["cases"].get<std::int64_t>());
  for (const auto& column : workflows::grading_columns()) {
    text += metrics[column].is_null() ? fmt::format(", {} not available", column)
                                      : fmt::format(", {} {:.3f}", column, metrics[column].get<double>());
  }
  return text + "\n";
}

int exit_code_for(const Json& metrics) {
  return metrics["skipped"].empty() ? kExitDone : kExitSomeFailed;
}

std::string skipped_text(const Json& metrics) {
  const auto count = metrics["skipped"].size();
  return count == 0 ? "" : fmt::format("{} photographs were left out\n", count);
}

}  // namespace

void attach_retina_train(CLI::App& command, Session& session) {
  auto request = std::make_shared<workflows::RetinaTrainRequest>();
  bind_data(command, request->data);
  command
      .add_option(
          "--out", request->out,
          "Folder of the run; the package is OUT/model. The same command again goes on where it stopped")
      ->required()
      ->type_name("DIR");
  bind_fields(command, request->card);
  models::visit_option_sets(request->plan, [&](auto& options) { bind_fields(command, options); });
  bind_fields(command, request->reading);
  command.footer("Example:\n  tessera retina train cohort/ --method deco --architecture resnet18 --out run/");
  command.callback([request, &session] {
    session.run([&](const imaging::JobContext& job) {
      request->runtime = session.runtime();
      Reply reply;
      reply.json = workflows::train_retina(*request, job);
      reply.exit_code = exit_code_for(reply.json);
      reply.text = fmt::format("{}best epoch {} of {}\n",
                               reply.json["was_finished"].get<bool>() ? "finished before; " : "",
                               reply.json["best_epoch"].get<std::int64_t>(),
                               reply.json["epochs"].get<std::int64_t>()) +
                   part_text(reply.json["validation"], "validation") + skipped_text(reply.json) +
                   (request->out / "model").string();
      return reply;
    });
  });
}

void attach_retina_evaluate(CLI::App& command, Session& session) {
  auto request = std::make_shared<workflows::RetinaEvaluateRequest>();
  bind_data(command, request->data);
  command.add_option("--out", request->out, "Folder for metrics.json, table.csv, table.md and the runs")
      ->required()
      ->type_name("DIR");
  command
      .add_option(
          "--model", request->model,
          "Package to evaluate as it is (folder, .tsr or installed name); without it, the protocol trains")
      ->type_name("PKG");
  bind_fields(command, request->protocol);
  models::visit_option_sets(request->plan, [&](auto& options) { bind_fields(command, options); });
  bind_fields(command, request->reading);
  command.footer(
      "Examples:\n  tessera retina evaluate cohort/ --protocol dg --methods erm --methods deco --out table/\n"
      "  tessera retina evaluate site/ --model idrid-grader --out site-report/");
  command.callback([request, &session] {
    session.run([&](const imaging::JobContext& job) {
      request->runtime = session.runtime();
      Reply reply;
      reply.json = workflows::evaluate_retina(*request, job);
      reply.exit_code = exit_code_for(reply.json);
      reply.text = reply.json["markdown"].get<std::string>() + skipped_text(reply.json) +
                   (request->out / "table.md").string();
      reply.json.erase("markdown");
      return reply;
    });
  });
}

}  // namespace cli
