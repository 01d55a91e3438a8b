#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace imaging {

/// One photograph of a split file.
struct SplitEntry {
  std::string name;            ///< the path as the list gives it, with `/`
  std::filesystem::path path;  ///< where it should be; it may not exist
  std::int64_t grade = -1;     ///< 0 to 4; -1 where `problem` says why there is none
  std::string problem;         ///< a sentence; empty where the line is sound
};

/// GDRBench's list of photographs.
struct SplitFile {
  std::string domain;               ///< "APTOS" of APTOS_train.txt and APTOS_crossval.txt, else the stem
  std::vector<SplitEntry> entries;  ///< in the order of the list, unsound lines included
};

/// True where the first line that is not blank reads `relative/path label`, the label a whole number.
[[nodiscard]] bool is_split_file(const std::filesystem::path& path);

/// Reads lines of `relative/path label`, the last space between them. Paths are relative to the list's own
/// folder, to the one above it or to its `images` folder: the first of the three where any photograph of the
/// list is found, else the first. A list without lines has no entries.
/// @throws Error  `not_found`, `io_error`.
/// @par Reference [che2023]
[[nodiscard]] SplitFile read_split_file(const std::filesystem::path& path);

}  // namespace imaging
