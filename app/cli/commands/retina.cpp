#include "app/cli/commands/retina.h"
#include "app/cli/bind_fields.h"
#include "app/cli/bind_inputs.h"
#include "app/cli/command_table.h"
#include "app/cli/commands/batch_reply.h"
#include "app/cli/commands/retina_training.h"
#include "app/workflows/prepare_fundus.h"

namespace cli {
namespace {

void attach_prepare(CLI::App& command, Session& session) {
  auto request = std::make_shared<workflows::PrepareFundusRequest>();
  command.add_option("INPUT", request->inputs.inputs, "Photographs or folders of them")
      ->required()
      ->type_name("");
  command.add_option("--out", request->out, "Folder for images/, masks/, quality.csv and run.json")
      ->required()
      ->type_name("DIR");
  bind_fields(command, request->options);
  bind_fields(command, request->inputs, {.skip = {"mpp"}});
  bind_fields(command, request->quality);
  bind_fields(
      command, request->illumination,
      {.rename = {
           {"width", "--light-width"}, {"outlier", "--light-outlier"}, {"most_gain", "--light-most-gain"}}});
  bind_fields(command, request->reading);
  command.callback([request, &session] {
    session.run([&](const imaging::JobContext& job) {
      request->runtime = session.runtime();
      const auto on_row = [&](const workflows::BatchRow& row) { session.print(line_of(row)); };
      return reply_of_batch(workflows::prepare_fundus_images(*request, on_row, job),
                            request->out / "run.json");
    });
  });
}

}  // namespace

void attach_retina(CLI::App& command, Session& session) {
  command.require_subcommand(1);
  attach_prepare(*command.add_subcommand(
                     "prepare", "Cut photographs to the field of view and judge their quality; resumes"),
                 session);
  attach_retina_train(*command.add_subcommand(
                          "train", "Train a grader on labelled photographs of one or more sources; resumes"),
                      session);
  attach_retina_evaluate(*command.add_subcommand("evaluate",
                                                 "Grade with a package, or train and test by a protocol of "
                                                 "domain generalisation; resumes"),
                         session);
  attach_retina_grade(*command.add_subcommand(
                          "grade", "Grade photographs: retinopathy, oedema risk, evidence, report; resumes"),
                      session);
}

}  // namespace cli
