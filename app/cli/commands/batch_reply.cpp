#include "app/cli/commands/batch_reply.h"

#include <fmt/format.h>

#include "imaging/base/files.h"

namespace cli {

std::string failure_line(const std::string& name, const std::string& reason) {
  return reason.starts_with(name + ": ") ? fmt::format("failed: {}", reason)
                                         : fmt::format("failed: {}: {}", name, reason);
}

std::string line_of(const workflows::BatchRow& row) {
  if (row.status == "failed") return failure_line(row.file, row.reason);
  auto line = fmt::format("{}: {}", row.status, row.file);
  if (row.tiles > 0) line += fmt::format(": {} tiles", row.tiles);
  return row.reason.empty() ? line : line + "; " + row.reason;
}

Reply reply_of_batch(const std::vector<workflows::BatchRow>& rows, const std::filesystem::path& manifest) {
  Reply reply;
  const auto failed = workflows::count_failed(rows);
  std::int64_t tiles = 0;
  std::size_t skipped = 0;
  for (const auto& row : rows) {
    tiles += row.tiles;
    skipped += row.status == "skipped" ? 1 : 0;
  }
  reply.text +=
      fmt::format("{} of {} inputs done ({} before), {} failed{}; {}\n", rows.size() - failed, rows.size(),
                  skipped, failed, tiles > 0 ? fmt::format(", {} tiles", tiles) : "", manifest.string());
  reply.json = nlohmann::ordered_json::parse(imaging::read_file(manifest));
  reply.exit_code = exit_code_of_batch(failed, rows.size());
  return reply;
}

}  // namespace cli
