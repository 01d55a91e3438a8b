#include "app/cli/commands/batch_reply.h"

#include <fmt/format.h>

#include "imaging/base/files.h"

namespace cli {

Reply reply_of_batch(const std::vector<workflows::BatchRow>& rows, const std::filesystem::path& manifest) {
  Reply reply;
  const auto failed = workflows::count_failed(rows);
  std::int64_t tiles = 0;
  std::size_t skipped = 0;
  for (const auto& row : rows) {
    tiles += row.tiles;
    skipped += row.status == "skipped" ? 1 : 0;
    if (row.status == "failed") reply.text += fmt::format("failed: {}: {}\n", row.file, row.reason);
  }
  reply.text += fmt::format("{} of {} inputs done ({} before), {} failed, {} tiles; {}\n",
                            rows.size() - failed, rows.size(), skipped, failed, tiles, manifest.string());
  reply.json = nlohmann::ordered_json::parse(imaging::read_file(manifest));
  reply.exit_code = exit_code_of_batch(failed, rows.size());
  return reply;
}

}  // namespace cli
