#include "app/workflows/encode.h"
#include "app/cli/bind_fields.h"
#include "app/cli/bind_inputs.h"
#include "app/cli/command_table.h"
#include "app/cli/commands/batch_reply.h"

namespace cli {

void attach_encode(CLI::App& command, Session& session) {
  auto request = std::make_shared<workflows::EncodeRequest>();
  command
      .add_option("--encoder", request->encoder, "Encoder package: a path, or the name of an installed one")
      ->required()
      ->type_name("PKG");
  command.add_option("--out", request->out, "Folder for h5_files/ and encode.json")
      ->required()
      ->type_name("DIR");
  bind_inputs(command, request->inputs);
  bind_fields(command, request->options);
  bind_fields(command, request->tissue);
  bind_fields(command, request->reading);
  command.callback([request, &session] {
    session.run([&](const imaging::JobContext& job) {
      request->runtime = session.runtime();
      const auto on_row = [&](const workflows::BatchRow& row) { session.print(line_of(row)); };
      return reply_of_batch(workflows::encode_slides(*request, on_row, job), request->out / "encode.json");
    });
  });
}

}  // namespace cli
