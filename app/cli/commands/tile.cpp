#include "app/workflows/tile.h"
#include "app/cli/bind_fields.h"
#include "app/cli/bind_inputs.h"
#include "app/cli/command_table.h"
#include "app/cli/commands/batch_reply.h"

namespace cli {

void attach_tile(CLI::App& command, Session& session) {
  auto request = std::make_shared<workflows::TileRequest>();
  command.add_option("--out", request->out, "Folder for patches/, tissue/ and stitches/")
      ->required()
      ->type_name("DIR");
  // Here --mpp is the resolution of the tiles, as in other tools that cut tiles; the slides' own scale has
  // another name.
  bind_fields(command, request->grid, {.rename = {{"tile_mpp", "--mpp,--tile-mpp"}}});
  bind_inputs(command, request->inputs, "--slide-mpp");
  bind_fields(command, request->tissue);
  bind_fields(command, request->stain, {.rename = {{"stain_method", "--stain-normalise,--stain-method"}}});
  command.add_flag("--pictures", request->pictures, "Write every tile as a PNG, in OUT/tiles/<case>");
  bind_fields(command, request->corrupt);
  bind_fields(command, request->reading);
  command.callback([request, &session] {
    session.run([&](const imaging::JobContext& job) {
      request->runtime = session.runtime();
      const auto on_row = [&](const workflows::BatchRow& row) { session.print(line_of(row)); };
      return reply_of_batch(workflows::tile_slides(*request, on_row, job), request->out / "tile.json");
    });
  });
}

}  // namespace cli
