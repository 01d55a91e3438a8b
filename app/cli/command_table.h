#pragma once

#include <CLI/CLI.hpp>
#include <span>
#include <string_view>

#include "app/cli/session.h"

namespace cli {

/// One row per command. `attach` adds the command's options and a callback that calls Session::run once.
struct Command {
  std::string_view name;
  std::string_view summary;
  std::string_view examples;  ///< one command line per line
  void (*attach)(CLI::App& command, Session& session);
  bool runs_networks = false;  ///< workflows::start_with_fast_libraries is worth a second start
};

/// Every command, in the order of the help page. Explicit: no registration magic.
[[nodiscard]] std::span<const Command> command_table();

void attach_info(CLI::App& command, Session& session);
void attach_tile(CLI::App& command, Session& session);
void attach_encode(CLI::App& command, Session& session);
void attach_analyze(CLI::App& command, Session& session);
void attach_mil(CLI::App& command, Session& session);
void attach_model(CLI::App& command, Session& session);
void attach_phantom(CLI::App& command, Session& session);
void attach_retina(CLI::App& command, Session& session);
void attach_segment(CLI::App& command, Session& session);
void attach_report(CLI::App& command, Session& session);
void attach_doctor(CLI::App& command, Session& session);
void attach_view(CLI::App& command, Session& session);

}  // namespace cli
