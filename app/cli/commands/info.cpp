#include <fmt/format.h>

#include "app/cli/bind_fields.h"
#include "app/cli/bind_inputs.h"
#include "app/cli/command_table.h"
#include "app/workflows/info.h"

namespace cli {
namespace {

std::string text_of(const nlohmann::ordered_json& entry) {
  std::string text = entry["file"].get<std::string>() + "\n";
  if (entry.contains("error"))
    return text + "  failed: " + entry["error"]["message"].get<std::string>() + "\n";
  text += fmt::format("  {} ({}, read by {} {})\n", entry["vendor"].get<std::string>(),
                      entry["mpp_source"].is_null()
                          ? std::string("scale unknown: give --mpp or a table")
                          : fmt::format("{:.4f} x {:.4f} um/px from {}", entry["mpp_x"].get<double>(),
                                        entry["mpp_y"].get<double>(), entry["mpp_source"].get<std::string>()),
                      entry["reader"].get<std::string>(), entry["reader_version"].get<std::string>());
  if (!entry["laterality"].is_null())
    text += fmt::format("  {} eye\n", entry["laterality"] == "L" ? "left" : "right");
  int number = 0;
  for (const auto& level : entry["levels"]) {
    text +=
        fmt::format("  level {}: {} x {}, downsample {:.4f}\n", number++, level["width"].get<std::int64_t>(),
                    level["height"].get<std::int64_t>(), level["downsample"].get<double>());
  }
  for (const auto& warning : entry["warnings"])
    text += fmt::format("  warning: {}\n", warning.get<std::string>());
  return text;
}

}  // namespace

void attach_info(CLI::App& command, Session& session) {
  auto options = std::make_shared<workflows::InputOptions>();
  auto reading = std::make_shared<workflows::ReadingOptions>();
  bind_inputs(command, *options);
  bind_fields(command, *reading);
  command.callback([options, reading, &session] {
    session.run([&](const imaging::JobContext& job) {
      const auto entries = workflows::describe_inputs(*options, *reading, job);
      Reply reply;
      std::size_t failed = 0;
      for (const auto& entry : entries) {
        failed += entry.contains("error") ? 1 : 0;
        reply.text += text_of(entry);
      }
      reply.json = entries.size() == 1 ? entries.front() : nlohmann::ordered_json(entries);
      reply.exit_code = exit_code_of_batch(failed, entries.size());
      return reply;
    });
  });
}

}  // namespace cli
