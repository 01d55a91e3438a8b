#include "app/workflows/reset_adaptation.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/base/json_text.h"

namespace workflows {
namespace fs = std::filesystem;

void reset_adaptation(const fs::path& run_folder) {
  const auto config = run_folder / "config.json";
  std::error_code failed;
  if (!fs::exists(config, failed) ||
      imaging::parse_json<nlohmann::json>(imaging::read_file(config), config.string()).value("schema", "") !=
          "tessera.adaptation-run/1") {
    throw imaging::Error(imaging::ErrorCode::not_found,
                         fmt::format("'{}' holds no adaptation of a segmenter.", run_folder.string()));
  }
  // The configuration goes last: a removal that was interrupted can be taken up again.
  for (const char* name : {"adaptation.json", "before_after.png", "log.csv", "log.svg",
                           "checkpoint.safetensors", "model", kCompareFolder, "config.json"}) {
    fs::remove_all(run_folder / name, failed);
    if (failed)
      throw imaging::Error(
          imaging::ErrorCode::io_error,
          fmt::format("'{}' cannot be removed: {}.", (run_folder / name).string(), failed.message()));
  }
}

}  // namespace workflows
