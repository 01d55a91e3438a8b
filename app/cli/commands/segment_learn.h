#pragma once

#include "app/cli/command_table.h"

namespace cli {

void attach_segment_train(CLI::App& command, Session& session);
void attach_segment_adapt(CLI::App& command, Session& session);

}  // namespace cli
