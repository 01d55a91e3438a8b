#include "mil/bags/label_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <set>

#include "imaging/base/csv.h"
#include "imaging/base/error.h"

namespace mil {
namespace {

using imaging::Error;
using imaging::ErrorCode;

std::optional<double> number_of(const std::string& text) {
  double value = 0;
  const auto* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  if (result.ec != std::errc{} || result.ptr != end) return std::nullopt;
  return value;
}

std::optional<std::size_t> find_any(const std::vector<std::string>& header,
                                    std::initializer_list<const char*> names) {
  for (const auto* name : names) {
    const auto found = std::find(header.begin(), header.end(), name);
    if (found != header.end()) return static_cast<std::size_t>(found - header.begin());
  }
  return std::nullopt;
}

struct Columns {
  std::size_t id = 0;
  std::optional<std::size_t> patient;
  std::size_t label = 1;
  bool id_is_file = false;
};

/// Absent where the first row is no header.
std::optional<Columns> columns_of(const std::vector<std::string>& first) {
  const auto label = find_any(first, {"label"});
  if (!label) return std::nullopt;
  auto id = find_any(first, {"slide_id", "case", "slide"});
  const bool id_is_file = !id;
  if (!id) id = find_any(first, {"file", "filename"});
  if (!id) return std::nullopt;
  return Columns{*id, find_any(first, {"patient", "case_id", "patient_id"}), *label, id_is_file};
}

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return text;
}

void check_cases(const LabelTable& table, const std::filesystem::path& path) {
  std::map<std::string, std::string> spelling;
  for (const auto& row : table.rows) {
    const auto& known = spelling.emplace(lower_case(row.label), row.label).first->second;
    if (known != row.label) {
      throw Error(ErrorCode::corrupt_data,
                  fmt::format("{}: the labels '{}' and '{}' ({}) differ in upper and lower case alone; spell "
                              "them alike.",
                              path.string(), known, row.label, row.id));
    }
  }
}

}  // namespace

std::vector<std::string> LabelTable::class_names() const {
  if (!class_order.empty()) return class_order;
  std::set<std::string> different;
  for (const auto& row : rows) different.insert(row.label);
  std::vector<std::string> names(different.begin(), different.end());
  if (std::all_of(names.begin(), names.end(), [](const auto& name) { return number_of(name).has_value(); })) {
    std::stable_sort(names.begin(), names.end(),
                     [](const auto& a, const auto& b) { return *number_of(a) < *number_of(b); });
  }
  return names;
}

void LabelTable::set_class_order(std::vector<std::string> names) {
  if (std::set(names.begin(), names.end()).size() != names.size() || names.size() < 2) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("The classes {} must be two or more different names.", fmt::join(names, ",")));
  }
  class_order = std::move(names);
  (void)label_indices(*this, class_order);
}

LabelTable read_labels(const std::filesystem::path& path) {
  const auto csv = imaging::read_csv(path);
  if (csv.rows.empty()) throw Error(ErrorCode::corrupt_data, fmt::format("{}: no rows.", path.string()));
  const auto found = columns_of(csv.rows.front());
  if (!found && csv.rows.front().size() != 2) {
    throw Error(ErrorCode::corrupt_data,
                fmt::format("{}: needs the columns slide_id (or file) and label; found {}.", path.string(),
                            fmt::join(csv.rows.front(), ", ")));
  }
  const auto columns = found.value_or(Columns{});
  const auto widest = std::max({columns.id, columns.patient.value_or(0), columns.label});
  LabelTable table;
  std::map<std::string, LabelRow> seen;
  for (std::size_t i = found ? 1 : 0; i < csv.rows.size(); ++i) {
    const auto& cells = csv.rows[i];
    if (cells.size() <= widest || cells[columns.id].empty() || cells[columns.label].empty()) {
      throw Error(ErrorCode::corrupt_data,
                  fmt::format("{}: row {} has no id or no label.", path.string(), i + 1));
    }
    LabelRow row{.id = cells[columns.id], .patient = {}, .label = cells[columns.label]};
    if (columns.id_is_file) row.id = std::filesystem::path(row.id).stem().string();
    row.patient = columns.patient && !cells[*columns.patient].empty() ? cells[*columns.patient] : row.id;
    const auto [known, is_new] = seen.emplace(row.id, row);
    const auto& before = known->second;
    if (before.label != row.label || before.patient != row.patient) {
      const bool is_label = before.label != row.label;
      throw Error(ErrorCode::corrupt_data,
                  fmt::format("{}: {} has two {}, {} and {}; keep one of its rows.", path.string(), row.id,
                              is_label ? "labels" : "patients", is_label ? before.label : before.patient,
                              is_label ? row.label : row.patient));
    }
    if (is_new) table.rows.push_back(std::move(row));
  }
  if (table.rows.empty()) throw Error(ErrorCode::corrupt_data, fmt::format("{}: no rows.", path.string()));
  check_cases(table, path);
  return table;
}

std::map<std::string, std::int64_t> label_indices(const LabelTable& table,
                                                  const std::vector<std::string>& class_names) {
  std::map<std::string, std::int64_t> indices;
  for (const auto& row : table.rows) {
    const auto found = std::find(class_names.begin(), class_names.end(), row.label);
    if (found == class_names.end()) {
      const auto near = std::find_if(class_names.begin(), class_names.end(), [&](const auto& name) {
        return lower_case(name) == lower_case(row.label);
      });
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("Label '{}' of {} is not one of the classes {}{}.", row.label, row.id,
                              fmt::join(class_names, ", "),
                              near == class_names.end() ? "" : "; case counts: '" + *near + "'"));
    }
    indices.emplace(row.id, found - class_names.begin());
  }
  return indices;
}

}  // namespace mil
