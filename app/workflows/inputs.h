#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "app/workflows/analyze.h"
#include "imaging/base/error.h"
#include "imaging/base/job.h"

namespace workflows {

/// One file to work on.
struct InputFile {
  std::filesystem::path path;
  std::string relative;        ///< to its input folder, with `/`; the file's name where it was named itself
  std::string case_name = {};  ///< unique in the run; safe as a folder name
  std::optional<std::string> patient = {}, laterality = {}, label = {}, site = {};  ///< from the table
  std::optional<std::string> table_mpp = {};
  std::string problem = {};  ///< why it cannot be worked on; a sentence
};

struct InputList {
  std::vector<InputFile> files;   ///< inputs in the order given, files of a folder sorted by path
  std::int64_t unrecognised = 0;  ///< files of folders that are no slides or images, left out
};

/// Files named, and files of folders (walked recursively) that a reader recognises or whose extension says
/// that they are slides or images: a damaged slide is met by name later instead of vanishing here. Hidden
/// files and folders with results of Tessera are left out, and so is a link to a file that is listed itself.
/// A folder that may not be read is listed itself, to fail by name. A split file (see imaging::SplitFile)
/// stands for its photographs: grade as label, domain as site.
///
/// @param leave_out  a folder not to walk into, for an OUT inside the input folder; may be empty
/// @throws Error  `not_found` where nothing is left, `invalid_argument` on a table without a `file` column,
/// and as read_csv.
[[nodiscard]] InputList collect_inputs(const InputOptions& options, const std::filesystem::path& leave_out,
                                       const imaging::JobContext& job);

/// A folder name without separators, leading dots or control characters.
[[nodiscard]] std::string safe_name(std::string name);

/// @throws Error `invalid_argument` with the file's problem, where it has one.
void check_input(const InputFile& file);

}  // namespace workflows
