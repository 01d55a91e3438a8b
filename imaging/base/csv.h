#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace imaging {

/// Rows of text cells (RFC 4180). Accepts CRLF, a byte-order mark and quoted fields; keeps leading zeros,
/// since nothing is ever turned into a number here. Blank lines are dropped.
struct CsvTable {
  std::vector<std::vector<std::string>> rows;  ///< every row, a header included where the file has one
};

/// A table whose first row names the columns.
struct CsvWithHeader {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;  ///< each as long as the header

  [[nodiscard]] std::optional<std::size_t> find_column(std::string_view name) const;
};

/// @throws Error `corrupt_data` on an unclosed quote, naming the line.
[[nodiscard]] CsvTable parse_csv(std::string_view text, std::string_view source_name);
/// @throws Error `not_found`, `io_error`, `corrupt_data`.
[[nodiscard]] CsvTable read_csv(const std::filesystem::path& path);
/// Short rows are filled with empty cells. @throws as read_csv, and `corrupt_data` on a row longer than the
/// header or an empty file.
[[nodiscard]] CsvWithHeader read_csv_with_header(const std::filesystem::path& path);

/// Quotes a cell where it needs it, and joins; ends with a line feed.
[[nodiscard]] std::string csv_line(const std::vector<std::string>& cells);

}  // namespace imaging
