#include "imaging/base/csv.h"

#include <fmt/format.h>

#include <algorithm>

#include "imaging/base/error.h"
#include "imaging/base/files.h"

namespace imaging {

std::optional<std::size_t> CsvWithHeader::find_column(std::string_view name) const {
  const auto found = std::find(header.begin(), header.end(), name);
  if (found == header.end()) return std::nullopt;
  return static_cast<std::size_t>(found - header.begin());
}

CsvTable parse_csv(std::string_view text, std::string_view source_name) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  CsvTable table;
  std::vector<std::string> row;
  std::string cell;
  bool in_quotes = false;
  bool cell_started = false;
  std::size_t line = 1;
  std::size_t quote_line = 0;
  const auto end_row = [&] {
    row.push_back(std::move(cell));
    cell.clear();
    cell_started = false;
    const bool is_blank = row.size() == 1 && row.front().empty();
    if (!is_blank) table.rows.push_back(std::move(row));
    row.clear();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') ++line;
    if (in_quotes) {
      if (c != '"') {
        cell.push_back(c);
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        cell.push_back('"');
        ++i;
      } else {
        in_quotes = false;
      }
    } else if (c == '"' && !cell_started) {
      in_quotes = true;
      cell_started = true;
      quote_line = line;
    } else if (c == ',') {
      row.push_back(std::move(cell));
      cell.clear();
      cell_started = false;
    } else if (c == '\n') {
      end_row();
    } else if (c == '\r' && (i + 1 == text.size() || text[i + 1] == '\n')) {
      // the first half of CRLF
    } else {
      cell.push_back(c);
      cell_started = true;
    }
  }
  if (in_quotes) {
    throw Error(ErrorCode::corrupt_data,
                fmt::format("{}: the quote opened on line {} is never closed.", source_name, quote_line));
  }
  if (cell_started || !cell.empty() || !row.empty()) end_row();
  return table;
}

CsvTable read_csv(const std::filesystem::path& path) {
  auto table = parse_csv(read_file(path), path.string());
  if (!table.rows.empty() && table.rows.front().size() == 1 &&
      table.rows.front().front().find_first_of(";\t") != std::string::npos) {
    throw Error(ErrorCode::corrupt_data,
                fmt::format("{}: the cells of the first line, '{}', must be separated by commas.",
                            path.string(), table.rows.front().front()));
  }
  return table;
}

CsvWithHeader read_csv_with_header(const std::filesystem::path& path) {
  auto table = read_csv(path);
  if (table.rows.empty()) {
    throw Error(ErrorCode::corrupt_data,
                fmt::format("{}: the table is empty; a header line is needed.", path.string()));
  }
  CsvWithHeader result;
  result.header = std::move(table.rows.front());
  table.rows.erase(table.rows.begin());
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    if (table.rows[i].size() > result.header.size()) {
      throw Error(ErrorCode::corrupt_data,
                  fmt::format("{}: data row {} has {} cells, the header {}.", path.string(), i + 1,
                              table.rows[i].size(), result.header.size()));
    }
    table.rows[i].resize(result.header.size());
  }
  result.rows = std::move(table.rows);
  return result;
}

std::string csv_line(const std::vector<std::string>& cells) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) line.push_back(',');
    if (cells[i].find_first_of(",\"\r\n") == std::string::npos) {
      line += cells[i];
      continue;
    }
    line.push_back('"');
    for (const char c : cells[i]) {
      if (c == '"') line.push_back('"');
      line.push_back(c);
    }
    line.push_back('"');
  }
  line.push_back('\n');
  return line;
}

}  // namespace imaging
