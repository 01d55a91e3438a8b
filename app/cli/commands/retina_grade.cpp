#include "app/cli/bind_fields.h"
#include "app/cli/bind_inputs.h"
#include "app/cli/commands/cases_reply.h"
#include "app/cli/commands/retina.h"
#include "app/workflows/grade_fundus.h"

namespace cli {

void attach_retina_grade(CLI::App& command, Session& session) {
  auto request = std::make_shared<workflows::GradeFundusRequest>();
  command
      .add_option("--model", request->model,
                  "Fundus grader: a package's path, or the name of an installed one")
      ->required()
      ->type_name("PKG");
  command.add_option("--out", request->out, "Folder for run.json, cohort.csv, cases/ and patients/")
      ->required()
      ->type_name("DIR");
  bind_inputs(command, request->inputs);
  bind_fields(command, request->options);
  bind_fields(command, request->quality);
  bind_fields(command, request->reading);
  command.callback([request, &session] {
    run_cases_command(session, request->out, [&](const auto& reports, const auto& on_case, const auto& job) {
      request->runtime = session.runtime();
      return workflows::grade_fundus(*request, reports, on_case, job);
    });
  });
}

}  // namespace cli
