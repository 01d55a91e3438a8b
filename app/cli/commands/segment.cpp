#include "app/cli/bind_fields.h"
#include "app/cli/bind_inputs.h"
#include "app/cli/command_table.h"
#include "app/cli/commands/batch_reply.h"
#include "app/cli/commands/cases_reply.h"
#include "app/cli/commands/segment_learn.h"
#include "app/workflows/segment_evaluate.h"
#include "app/workflows/segment_predict.h"
#include "imaging/base/version.h"

namespace cli {
namespace {

void attach_predict(CLI::App& command, Session& session) {
  auto request = std::make_shared<workflows::SegmentPredictRequest>();
  command
      .add_option("--model", request->model, "Segmenter: a package's path, or the name of an installed one")
      ->required()
      ->type_name("PKG");
  command.add_option("--out", request->out, "Folder for run.json, cohort.csv and cases/")
      ->required()
      ->type_name("DIR");
  bind_inputs(command, request->inputs);
  bind_fields(command, request->options);
  bind_fields(command, request->pictures);
  bind_fields(command, request->tiling);
  bind_fields(command, request->reading);
  command.callback([request, &session] {
    run_cases_command(session, request->out, [&](const auto& reports, const auto& on_case, const auto& job) {
      request->runtime = session.runtime();
      return workflows::predict_segmentation(*request, reports, on_case, job);
    });
  });
}

void attach_evaluate(CLI::App& command, Session& session) {
  auto request = std::make_shared<workflows::SegmentEvaluateRequest>();
  command
      .add_option("--model", request->model, "Segmenter: a package's path, or the name of an installed one")
      ->required()
      ->type_name("PKG");
  command.add_option("--data", request->data, "Folder of images and masks, or a CSV that names them")
      ->required()
      ->type_name("PATH");
  command.add_option("--out", request->out, "Folder for metrics.csv and metrics.json")
      ->required()
      ->type_name("DIR");
  bind_fields(command, request->dataset);
  bind_fields(command, request->options);
  bind_fields(command, request->tiling);
  command.callback([request, &session] {
    session.run([&](const imaging::JobContext& job) {
      session.say(std::string(imaging::kResearchUse));
      request->runtime = session.runtime();
      const auto on_row = [&](const workflows::BatchRow& row) { session.print(line_of(row)); };
      const auto rows = workflows::evaluate_segmentation(*request, on_row, job);
      auto reply = reply_of_batch(rows, request->out / "metrics.json");
      for (const auto& [region, measures] : reply.json["regions"].items()) {
        for (const auto* name : {"dice", "iou", "hd95_pooled", "assd_pooled"}) {
          const auto& measure = measures[name];
          if (!measure.is_object() || !measure["mean"].is_number()) continue;
          const auto& interval = measure["interval"];
          const auto& unit = measures["distance_unit"];
          const bool is_distance = std::string_view(name).find('_') != std::string_view::npos;
          reply.text += fmt::format(
              "{}: {} {:.4f}{}{} ({} images)\n", region, name, measure["mean"].get<double>(),
              is_distance && unit.is_string() ? " " + unit.get<std::string>() : "",
              interval.is_array()
                  ? fmt::format(" [{:.4f}, {:.4f}]", interval[0].get<double>(), interval[1].get<double>())
                  : "",
              measure["cases"].get<std::int64_t>());
        }
      }
      return reply;
    });
  });
}

}  // namespace

void attach_segment(CLI::App& command, Session& session) {
  command.require_subcommand(1);
  attach_segment_train(*command.add_subcommand("train", "Train a U-Net on pictures with masks; resumes"),
                       session);
  attach_segment_adapt(
      *command.add_subcommand("adapt",
                              "Adapt a segmenter to another camera or scanner by its pictures "
                              "alone; resumes"),
      session);
  attach_predict(*command.add_subcommand("predict",
                                         "Write masks, outlines and measurements of images, slides, "
                                         "stacks and volumes; resumes"),
                 session);
  attach_evaluate(*command.add_subcommand(
                      "evaluate", "Measure masks against the truth of a data set; each time from the start"),
                  session);
}

}  // namespace cli
