#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "app/cli/command_table.h"
#include "app/workflows/model_registry.h"
#include "imaging/base/error.h"

namespace cli {
namespace {

constexpr std::string_view kStudio = "tessera-studio";

/// Becomes the window. @throws Error `not_found` where it was not built.
[[noreturn]] void become_studio(const std::vector<std::string>& inputs) {
  const auto studio = workflows::executable_folder() / kStudio;
  std::vector<std::string> arguments{studio.string()};
  arguments.insert(arguments.end(), inputs.begin(), inputs.end());
  std::vector<char*> pointers;
  for (auto& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  execv(studio.c_str(), pointers.data());
  throw imaging::Error(imaging::ErrorCode::not_found,
                       fmt::format("Cannot start the window '{}' ({}); it is built with -DTESSERA_GUI=ON.",
                                   studio.string(), std::strerror(errno)));
}

}  // namespace

void attach_view(CLI::App& command, Session& session) {
  auto inputs = std::make_shared<std::vector<std::string>>();
  command.add_option("INPUT", *inputs, "Slides or images to open")->type_name("");
  command.callback([inputs, &session] {
    session.run([&](const imaging::JobContext&) -> Reply { become_studio(*inputs); });
  });
}

}  // namespace cli
