#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

namespace support {

/// How the reading process of the tests misbehaves: `kind` is a signal's number, hang, exit, hoard, babble,
/// grow, which adds to the file and reads on, or narrow, which gives half of the columns.
struct ReadFault {
  std::string kind;
  bool is_at_open = false;
  std::int64_t first_x = 0, end_x = 0;  ///< level-0 reads whose left edge lies in here
  bool is_once = false;
};

/// Hidden, so that no folder walk meets it.
inline std::filesystem::path faults_of(const std::filesystem::path& slide) {
  return slide.parent_path() / fmt::format(".{}.fault", slide.filename().string());
}
inline std::filesystem::path pid_file_of(const std::filesystem::path& slide) {
  return slide.parent_path() / fmt::format(".{}.pid", slide.filename().string());
}

inline void plant_fault(const std::filesystem::path& slide, const ReadFault& fault) {
  std::ofstream(faults_of(slide)) << fault.kind << ' ' << fault.is_at_open << ' ' << fault.first_x << ' '
                                  << fault.end_x << ' ' << fault.is_once;
}
inline std::optional<ReadFault> read_fault(const std::filesystem::path& slide) {
  ReadFault fault;
  std::ifstream file(faults_of(slide));
  if (file >> fault.kind >> fault.is_at_open >> fault.first_x >> fault.end_x >> fault.is_once) return fault;
  return std::nullopt;
}

}  // namespace support
