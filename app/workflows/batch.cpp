#include "app/workflows/batch.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "imaging/base/files.h"
#include "imaging/base/json_text.h"

namespace workflows {
namespace fs = std::filesystem;

InputStamp stamp_without_hash(const fs::path& path) {
  InputStamp stamp;
  std::error_code error;
  if (const auto size = fs::file_size(path, error); !error) stamp.size_bytes = size;
  if (const auto time = fs::last_write_time(path, error); !error) {
    stamp.mtime_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(
                         std::chrono::file_clock::to_sys(time).time_since_epoch())
                         .count();
  }
  return stamp;
}

bool is_unchanged(const fs::path& path, const InputStamp& recorded, std::stop_token stop) {
  const auto now = stamp_without_hash(path);
  if (recorded.sha256.empty() || now.size_bytes != recorded.size_bytes) return false;
  return now.mtime_ns == recorded.mtime_ns ||
         imaging::sha256_of_file(path, std::move(stop)) == recorded.sha256;
}

bool is_file_with_content(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error) && fs::file_size(path, error) > 0 && !error;
}

nlohmann::ordered_json to_json(const BatchRow& row) {
  nlohmann::ordered_json json{{"file", row.file},
                              {"case", row.case_name},
                              {"status", row.status},
                              {"reason_code", row.reason_code},
                              {"reason", row.reason},
                              {"tiles", row.tiles},
                              {"seconds", row.seconds},
                              {"size_bytes", row.stamp.size_bytes},
                              {"mtime_ns", row.stamp.mtime_ns},
                              {"sha256", row.stamp.sha256}};
  if (row.table_mpp) json["table_mpp"] = *row.table_mpp;
  if (!row.stain.is_null()) json["stain_normalisation"] = row.stain;
  return json;
}

BatchRow batch_row_from_json(const nlohmann::json& json) {
  BatchRow row;
  json.at("file").get_to(row.file);
  json.at("case").get_to(row.case_name);
  json.at("status").get_to(row.status);
  json.at("reason_code").get_to(row.reason_code);
  json.at("reason").get_to(row.reason);
  json.at("tiles").get_to(row.tiles);
  json.at("seconds").get_to(row.seconds);
  json.at("size_bytes").get_to(row.stamp.size_bytes);
  json.at("mtime_ns").get_to(row.stamp.mtime_ns);
  json.at("sha256").get_to(row.stamp.sha256);
  if (json.contains("table_mpp")) row.table_mpp = json["table_mpp"].get<std::string>();
  if (json.contains("stain_normalisation")) row.stain = json["stain_normalisation"];
  return row;
}

std::vector<nlohmann::ordered_json> read_earlier_entries(const fs::path& manifest) {
  try {
    const auto json =
        imaging::parse_json<nlohmann::ordered_json>(imaging::read_file(manifest), manifest.string());
    return json.at("inputs").get<std::vector<nlohmann::ordered_json>>();
  } catch (const imaging::Error&) {
    return {};
  } catch (const nlohmann::json::exception&) {
    return {};
  }
}

std::vector<BatchRow> read_earlier_rows(const fs::path& manifest) {
  std::vector<BatchRow> rows;
  try {
    for (const auto& entry : read_earlier_entries(manifest)) rows.push_back(batch_row_from_json(entry));
  } catch (const nlohmann::json::exception&) {
    return {};
  }
  return rows;
}

const BatchRow* find_row(const std::vector<BatchRow>& rows, const std::string& case_name) {
  const auto found =
      std::find_if(rows.begin(), rows.end(), [&](const BatchRow& row) { return row.case_name == case_name; });
  return found == rows.end() ? nullptr : &*found;
}

void run_row(BatchRow& row, const std::function<void(BatchRow&)>& work) {
  const auto start = std::chrono::steady_clock::now();
  const auto outcome =
      imaging::run_job([&](const imaging::JobContext&) { work(row); }, imaging::JobContext{});
  row.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (outcome.status == imaging::JobStatus::cancelled) throw imaging::Cancelled{};
  if (outcome.status == imaging::JobStatus::failed) {
    row.status = "failed";
    row.reason_code = imaging::to_string(outcome.code.value_or(imaging::ErrorCode::internal));
    row.reason = outcome.message;
  }
}

void set_ending(BatchRow& row, std::size_t corrupt_tiles, const std::vector<std::string>& warnings) {
  row.status = corrupt_tiles > 0 ? "degraded" : "done";
  auto sentences = warnings;
  if (corrupt_tiles > 0)
    sentences.insert(sentences.begin(), fmt::format("{} corrupt tiles were left out.", corrupt_tiles));
  row.reason = fmt::format("{}", fmt::join(sentences, " "));
}

RemoveOnFailure::RemoveOnFailure(std::vector<fs::path> paths) : paths_(std::move(paths)) {
  for (const auto& path : paths_) fs::remove_all(path);
}

RemoveOnFailure::~RemoveOnFailure() {
  std::error_code ignored;
  for (const auto& path : paths_) fs::remove_all(path, ignored);
}

std::string hide_place(std::string text, const InputFile& file) {
  const auto place = file.path.string();
  for (auto at = text.find(place); at != std::string::npos;
       at = text.find(place, at + file.relative.size())) {
    text.replace(at, place.size(), file.relative);
  }
  return text;
}

std::size_t count_failed(const std::vector<BatchRow>& rows) {
  return static_cast<std::size_t>(
      std::count_if(rows.begin(), rows.end(), [](const BatchRow& row) { return row.status == "failed"; }));
}

std::string json_text(const nlohmann::ordered_json& json) {
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string utc_now() {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())));
}

}  // namespace workflows
