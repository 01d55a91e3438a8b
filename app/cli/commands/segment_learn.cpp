#include <fmt/format.h>

#include "app/cli/bind_fields.h"
#include "app/cli/bind_inputs.h"
#include "app/cli/commands/segment_learn.h"
#include "app/workflows/segment_adapt.h"
#include "app/workflows/segment_train.h"

namespace cli {
namespace {

std::string number_text(const nlohmann::ordered_json& value) {
  return value.is_number() ? fmt::format("{:.3f}", value.get<double>()) : "not available";
}

std::string record_text(const nlohmann::ordered_json& record, const std::filesystem::path& out) {
  const auto& before = record["source"];
  const auto& after = record["adapted"];
  auto text = fmt::format(
      "{}{}{}: entropy {} -> {}, agreement with mirrored pictures {} -> {}, with the source {}\n",
      record["site"].get<std::string>(), record["site"] == "" ? "" : ": ",
      record["was_finished"].get<bool>() ? "finished before" : record["strategy"].get<std::string>(),
      number_text(before["entropy"]), number_text(after["entropy"]),
      number_text(before["mirror_consistency"]), number_text(after["mirror_consistency"]),
      number_text(record["agreement"]));
  for (const auto& [name, share] : before["class_shares"].items()) {
    text += fmt::format("  {}: {:.2f} % of the pixels -> {:.2f} %\n", name, 100 * share.get<double>(),
                        100 * after["class_shares"][name].get<double>());
  }
  for (const auto& reason : record["tripped"]) {
    text += fmt::format("  {}: {}\n",
                        record["is_rolled_back"].get<bool>() ? "rolled back to the source" : "warning",
                        reason.get<std::string>());
  }
  return text + (out / record["site"].get<std::string>() / "model").string() + "\n";
}

}  // namespace

void attach_segment_train(CLI::App& command, Session& session) {
  auto request = std::make_shared<workflows::SegmentTrainRequest>();
  command.add_option("--data", request->data, "Folder of images and masks, or a CSV that names them")
      ->required()
      ->type_name("");
  command
      .add_option("--validation", request->validation,
                  "Pictures and masks that stop the training; by default patients are dealt")
      ->type_name("DATA");
  command
      .add_option(
          "--out", request->out,
          "Folder of the run; the package is OUT/model. The same command again goes on where it stopped")
      ->required()
      ->type_name("DIR");
  command.add_option("--name", request->card.name, "Name of the package; by default the folder's");
  command.add_option("--training-data", request->card.training_data,
                     "What the pictures are, for the model card");
  command.add_option("--licence", request->card.licence, "Licence of the package");
  bind_fields(command, request->data_options);
  bind_fields(command, request->split);
  bind_fields(command, request->training);
  command.footer(
      "Example:\n  tessera segment train --data drive/ --classes vessel=vessels_1st --crop-to-field "
      "--out "
      "run/");
  command.callback([request, &session] {
    session.run([&](const imaging::JobContext& job) {
      request->runtime = session.runtime();
      Reply reply;
      reply.json = workflows::train_segmentation(*request, job);
      reply.text = fmt::format(
          "{}best epoch {} of {}\n", reply.json["was_finished"].get<bool>() ? "finished before; " : "",
          reply.json["best_epoch"].get<std::int64_t>(), reply.json["epochs"].get<std::int64_t>());
      for (const auto& [name, dice] : reply.json["validation_dice"].items())
        reply.text += fmt::format("validation Dice of {}: {}\n", name, number_text(dice));
      reply.text += (request->out / "model").string() + "\n";
      return reply;
    });
  });
}

void attach_segment_adapt(CLI::App& command, Session& session) {
  auto request = std::make_shared<workflows::SegmentAdaptRequest>();
  command.add_option("INPUT", request->inputs.inputs, "Pictures without labels, or folders of them")
      ->required()
      ->type_name("");
  command
      .add_option("--model", request->model, "Segmenter: a package's path, or the name of an installed one")
      ->required()
      ->type_name("PKG");
  command
      .add_option(
          "--out", request->out,
          "Folder of the run; the adapted package is OUT/model. The same command again goes on where it "
          "stopped")
      ->required()
      ->type_name("DIR");
  bind_fields(command, request->options);
  bind_fields(command, request->guard);
  bind_fields(command, request->sites);
  bind_fields(command, request->inputs, {.skip = {"mpp"}});
  bind_fields(command, request->reading);
  command.footer(
      "Example:\n  tessera segment adapt new-camera/ --model run/model --adapt osuda --out adapted/");
  command.callback([request, &session] {
    session.run([&](const imaging::JobContext& job) {
      request->runtime = session.runtime();
      Reply reply;
      reply.json = workflows::adapt_segmentation(*request, job);
      for (const auto& record : reply.json) reply.text += record_text(record, request->out);
      return reply;
    });
  });
}

}  // namespace cli
