#include "app/workflows/review.h"

#include <fmt/format.h>

#include "app/workflows/batch.h"
#include "app/workflows/write_reports.h"
#include "imaging/base/error.h"
#include "imaging/base/files.h"

namespace workflows {
namespace {

constexpr const char* kSchema = "tessera.review/1";

std::filesystem::path review_of(const CaseFolder& folder) {
  return folder.path / "review.json";
}

}  // namespace

std::optional<Review> read_review(const CaseFolder& folder) {
  const auto path = review_of(folder);
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::nullopt;
  try {
    const auto json = nlohmann::json::parse(imaging::read_file(path, 1U << 20));
    if (json.at("schema") != kSchema)
      throw imaging::Error(imaging::ErrorCode::corrupt_data, "another schema");
    return Review{json.at("reviewer").get<std::string>(), json.at("note").get<std::string>(),
                  json.at("date").get<std::string>()};
  } catch (const std::exception& error) {
    throw imaging::Error(
        imaging::ErrorCode::corrupt_data,
        fmt::format("'{}' is no review ({}); remove it and sign off again.", path.string(), error.what()));
  }
}

void sign_off(const CaseFolder& folder, const Review& review, const ReportWriter& reports) {
  if (review.reviewer.empty() || review.note.empty()) {
    throw imaging::Error(imaging::ErrorCode::invalid_argument,
                         "A sign-off needs the reviewer's name and a note; one of them is empty.");
  }
  (void)folder.read_result();
  const nlohmann::ordered_json json{
      {"schema", kSchema}, {"reviewer", review.reviewer}, {"note", review.note}, {"date", review.date}};
  imaging::write_file(review_of(folder), json_text(json));
  reports.write(folder, printed_now());
}

}  // namespace workflows
