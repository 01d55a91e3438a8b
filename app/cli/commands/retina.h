#pragma once

#include <CLI/CLI.hpp>

#include "app/cli/session.h"

namespace cli {

/// `tessera retina grade`.
void attach_retina_grade(CLI::App& command, Session& session);

}  // namespace cli
