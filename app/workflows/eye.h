#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/workflows/inputs.h"
#include "imaging/fundus/fundus_reader.h"

namespace workflows {

/// Which eye a photograph shows, and how that is known.
struct Eye {
  std::string side;    ///< "L", "R" or empty
  std::string source;  ///< "table", "file", "file name" or empty
};

/// What a file's name says where it follows a custom of public data sets.
struct EyeInName {
  std::string side;     ///< "L" or "R"
  std::string patient;  ///< the rest of the name; empty where nothing is left
};

/// Reads the eye off a file's stem: a part `left`, `right`, `OD` or `OS` ("10_left" of EyePACS), a last part
/// of `L` or `R` with at most one digit ("7_l1" of DeepDRiD), or digits ended by a capital L or R
/// ("Image_01L" of CHASE_DB1). Parts are split at `_`, `-`, `.` and spaces. None where there is no such part
/// or several disagree.
[[nodiscard]] std::optional<EyeInName> find_eye_in_name(std::string_view stem);

/// The table's word, else the file's, else what its name says. A disagreement of table and file becomes a
/// warning.
/// @throws Error `invalid_argument` where the table's word is no eye.
[[nodiscard]] Eye eye_of(const InputFile& file, const imaging::FundusImage& image,
                         std::vector<std::string>& warnings);

}  // namespace workflows
