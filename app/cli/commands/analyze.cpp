#include "app/workflows/analyze.h"

#include "app/cli/bind_fields.h"
#include "app/cli/bind_inputs.h"
#include "app/cli/command_table.h"
#include "app/cli/commands/cases_reply.h"

namespace cli {
void attach_analyze(CLI::App& command, Session& session) {
  auto request = std::make_shared<workflows::AnalyzeRequest>();
  command
      .add_option("--model", request->model,
                  "Slide classifier: a package's path, or the name of an installed one")
      ->required()
      ->type_name("PKG");
  command
      .add_option("--encoder", request->encoder,
                  "Encoder package, where it is neither beside the model nor installed")
      ->type_name("PKG");
  command.add_option("--out", request->out, "Folder for run.json, cohort.csv and cases/")
      ->required()
      ->type_name("DIR");
  bind_inputs(command, request->inputs);
  bind_fields(command, request->options);
  bind_fields(command, request->tissue);
  bind_fields(command, request->segment);
  bind_fields(command, request->segment_tiling);
  bind_fields(command, request->reading);
  command.callback([request, &session] {
    run_cases_command(session, request->out, [&](const auto& reports, const auto& on_case, const auto& job) {
      request->runtime = session.runtime();
      return workflows::analyze(*request, reports, on_case, job);
    });
  });
}

}  // namespace cli
