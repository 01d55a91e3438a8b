#pragma once

#include <optional>
#include <string>

#include "app/workflows/case_folder.h"

namespace workflows {

/// What a person said of a case after looking at it. Part of its report, never of its result.
struct Review {
  std::string reviewer = {};
  std::string note = {};
  std::string date = {};  ///< as printed_now
  bool operator==(const Review&) const = default;
};

/// A case's review.json ("tessera.review/1"); absent where nobody has signed it off.
/// @throws imaging::Error  `corrupt_data` where it is not valid.
[[nodiscard]] std::optional<Review> read_review(const CaseFolder& folder);

/// Writes review.json and the reports anew with it. The result stays as it is; a case that is analysed anew
/// loses its review with its old result.
/// @throws imaging::Error  `invalid_argument` on an empty reviewer or note; `not_found` where there is no
/// result; as ReportWriter::write.
void sign_off(const CaseFolder& folder, const Review& review, const ReportWriter& reports);

}  // namespace workflows
