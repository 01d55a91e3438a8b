#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "app/cli/bind_fields.h"
#include "app/cli/command_table.h"
#include "app/cli/config_file.h"
#include "app/cli/session.h"
#include "app/workflows/batch.h"
#include "app/workflows/threads.h"
#include "imaging/base/process_memory.h"
#include "imaging/base/version.h"

namespace {

using cli::Session;

/// The common options go on every command that does something itself, groups such as `mil` left out.
void add_common_options(CLI::App& command, cli::CommonOptions& common) {
  const auto children = command.get_subcommands([](CLI::App*) { return true; });
  for (auto* child : children) add_common_options(*child, common);
  if (!children.empty()) return;
  // A command with a seed of its own, such as `phantom`, keeps it.
  const bool has_seed = command.get_option_no_throw("--seed") != nullptr;
  cli::bind_fields(command, common.runtime,
                   {.skip = has_seed ? std::set<std::string>{"seed"} : std::set<std::string>{}});
  command.add_flag("--json", common.json, "Machine-readable output: one JSON value on standard output");
  command.add_option("--config", common.config, "JSON file of options; the command line overrides it")
      ->type_name("FILE");
}

std::string indent(std::string_view lines) {
  std::string text = "Examples:\n  ";
  for (const char c : lines) {
    text += c;
    if (c == '\n') text += "  ";
  }
  return text;
}

int report_usage(const std::string& message, const std::vector<std::string>& arguments) {
  fmt::print(stderr, "error: {}\n", message);
  if (std::find(arguments.begin(), arguments.end(), "--json") != arguments.end()) {
    fmt::print("{}", workflows::json_text(cli::error_json("invalid_argument", message)));
  }
  return cli::kExitUsage;
}

}  // namespace

int main(int argc, char** argv) {
  const auto commands = cli::command_table();
  if (argc > 1 && std::any_of(commands.begin(), commands.end(), [&](const cli::Command& row) {
        return row.runs_networks && row.name == argv[1];
      })) {
    workflows::start_with_fast_libraries(argv);
  }
  imaging::keep_freed_memory();
  Session session;
  CLI::App app(fmt::format("Tessera {}: computational pathology and retinal imaging.\n{}", imaging::kVersion,
                           imaging::kResearchUse),
               "tessera");
  app.set_version_flag("--version", fmt::format("tessera {}", imaging::kVersion),
                       "Print the version and leave");
  app.require_subcommand(1);
  std::string all_examples;
  for (const auto& row : cli::command_table()) {
    auto* command = app.add_subcommand(std::string(row.name), std::string(row.summary));
    command->footer(indent(row.examples));
    row.attach(*command, session);
    add_common_options(*command, session.common());
    all_examples += fmt::format("{}{}", all_examples.empty() ? "" : "\n", row.examples);
  }
  app.footer(indent(all_examples) +
             "\n\nExit codes: 0 done, 1 internal error, 2 usage, 3 bad input, 4 finished but some inputs "
             "failed, 130 cancelled.");

  std::vector<std::string> arguments(argv + 1, argv + argc);
  try {
    arguments = cli::expand_config(arguments);
    const auto known = cli::command_table();
    if (!arguments.empty() && !arguments.front().starts_with("-") &&
        std::none_of(known.begin(), known.end(),
                     [&](const cli::Command& row) { return row.name == arguments.front(); })) {
      return report_usage(
          fmt::format("There is no command '{}'; tessera --help lists them.", arguments.front()), arguments);
    }
    auto reversed = arguments;
    std::reverse(reversed.begin(), reversed.end());
    app.parse(std::move(reversed));
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    return report_usage(error.what(), arguments);
  } catch (const imaging::Error& error) {
    return report_usage(error.what(), arguments);
  }
  return session.exit_code();
}
