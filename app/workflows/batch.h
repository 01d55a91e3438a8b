#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "app/workflows/inputs.h"
#include "imaging/base/job.h"

namespace workflows {

/// By what a later run knows an input again.
struct InputStamp {
  std::uint64_t size_bytes = 0;
  std::int64_t mtime_ns = 0;
  std::string sha256 = {};
};

/// Size and time of change; all zero where the file is not there.
[[nodiscard]] InputStamp stamp_without_hash(const std::filesystem::path& path);

/// True where `path` holds what `recorded` saw. Hashes only where the time of change differs.
/// @throws Error `io_error`; Cancelled.
[[nodiscard]] bool is_unchanged(const std::filesystem::path& path, const InputStamp& recorded,
                                std::stop_token stop);

/// True where a file is there and not empty, as a finished run leaves its artefacts.
[[nodiscard]] bool is_file_with_content(const std::filesystem::path& path);

/// How one input of a batch ended.
struct BatchRow {
  std::string file = {}, case_name = {};
  std::string status = {};  ///< done | degraded | failed | skipped (done before, unchanged)
  std::string reason_code = {}, reason = {};
  std::int64_t tiles = 0;
  double seconds = 0;
  InputStamp stamp = {};
  std::optional<std::string> table_mpp = {};  ///< the scale that a table gave this input
  nlohmann::ordered_json stain = {};          ///< SlideStain::record
};

[[nodiscard]] nlohmann::ordered_json to_json(const BatchRow& row);
/// @throws nlohmann::json::exception where a key is missing.
[[nodiscard]] BatchRow batch_row_from_json(const nlohmann::json& json);

/// What an earlier run's manifest holds under `inputs`, as it stands there; empty where there is none or it
/// is not readable.
[[nodiscard]] std::vector<nlohmann::ordered_json> read_earlier_entries(const std::filesystem::path& manifest);
/// The same as rows.
[[nodiscard]] std::vector<BatchRow> read_earlier_rows(const std::filesystem::path& manifest);
[[nodiscard]] const BatchRow* find_row(const std::vector<BatchRow>& rows, const std::string& case_name);

/// Runs `work` and writes how it ended into `row`: what it throws becomes a failed row, so that one bad input
/// never stops a batch.
/// @throws Cancelled
void run_row(BatchRow& row, const std::function<void(BatchRow&)>& work);

/// Done, or degraded where tiles were left out; the reason holds that and every warning.
void set_ending(BatchRow& row, std::size_t corrupt_tiles, const std::vector<std::string>& warnings);

/// Files and folders that must not outlive a failure: removed now, where an earlier run left them, and at the
/// end unless kept.
class RemoveOnFailure {
 public:
  explicit RemoveOnFailure(std::vector<std::filesystem::path> paths);
  ~RemoveOnFailure();
  RemoveOnFailure(const RemoveOnFailure&) = delete;
  RemoveOnFailure& operator=(const RemoveOnFailure&) = delete;
  void keep() { paths_.clear(); }

 private:
  std::vector<std::filesystem::path> paths_;
};

/// `text` with the place of a file replaced by how the run names it: no artefact holds an absolute path.
[[nodiscard]] std::string hide_place(std::string text, const InputFile& file);

[[nodiscard]] std::size_t count_failed(const std::vector<BatchRow>& rows);

/// `json` as artefacts and standard output hold it: indented, with U+FFFD for bytes of file names and slide
/// properties that are not UTF-8.
[[nodiscard]] std::string json_text(const nlohmann::ordered_json& json);

/// Date and time as manifests hold them: "2026-11-23T14:05:09Z".
[[nodiscard]] std::string utc_now();

}  // namespace workflows
