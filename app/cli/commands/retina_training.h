#pragma once

#include <CLI/CLI.hpp>

#include "app/cli/session.h"

namespace cli {

void attach_retina_train(CLI::App& command, Session& session);
void attach_retina_evaluate(CLI::App& command, Session& session);

}  // namespace cli
