#include <fmt/format.h>

#include "app/cli/command_table.h"
#include "app/workflows/doctor.h"
#include "imaging/base/version.h"

namespace cli {
namespace {

std::string text_of(const nlohmann::ordered_json& report) {
  const auto& blas = report["blas"];
  std::string text =
      fmt::format("Tessera {}\n{}\n\nBLAS      {}: {:.0f} GFLOP/s with {} threads (LibTorch {})\n",
                  imaging::kVersion, imaging::kResearchUse, blas["library"].get<std::string>(),
                  blas["gflops"].get<double>(), blas["threads"].get<int>(), blas["torch"].get<std::string>());
  text += fmt::format("Threads   {} for networks and images, {} for decoding, {} in this machine\n",
                      report["threads"]["compute"].get<int>(), report["threads"]["decode"].get<int>(),
                      report["threads"]["hardware"].get<int>());
  text += fmt::format("Device    {}\n", report["device"].get<std::string>());
  for (const auto& probe : report["devices"]) {
    text +=
        fmt::format("  {:<8}{}: {}\n", probe["name"].get<std::string>(),
                    probe["usable"].get<bool>() ? "usable" : "refused", probe["reason"].get<std::string>());
  }
  text += "Readers\n";
  for (const auto& reader : report["readers"]) {
    text += fmt::format("  {} {}: {}\n", reader["name"].get<std::string>(),
                        reader["version"].get<std::string>(), reader["formats"].get<std::string>());
  }
  text += report["models"].empty() ? "Models    none found\n" : "Models\n";
  for (const auto& model : report["models"]) {
    text += fmt::format("  {} ({}) {}\n", model["name"].get<std::string>(), model["task"].get<std::string>(),
                        model["path"].get<std::string>());
  }
  for (const auto& warning : report["warnings"])
    text += fmt::format("warning: {}\n", warning.get<std::string>());
  return text;
}

}  // namespace

void attach_doctor(CLI::App& command, Session& session) {
  command.callback([&session] {
    session.run([&](const imaging::JobContext&) {
      Reply reply;
      reply.json = workflows::examine_machine(session.runtime());
      reply.text = text_of(reply.json);
      return reply;
    });
  });
}

}  // namespace cli
