#include "mil/bags/split.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "imaging/base/csv.h"
#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "imaging/base/random.h"

namespace mil {
namespace {

using imaging::Error;
using imaging::ErrorCode;

/// True or False as pandas writes it, or as a spreadsheet does.
std::optional<bool> find_truth(const std::string& cell) {
  if (cell == "True" || cell == "true" || cell == "TRUE") return true;
  if (cell == "False" || cell == "false" || cell == "FALSE") return false;
  return std::nullopt;
}

bool truth_of(const std::string& cell, const std::filesystem::path& path) {
  if (const auto truth = find_truth(cell)) return *truth;
  throw Error(ErrorCode::corrupt_data,
              fmt::format("{}: '{}' is neither True nor False.", path.string(), cell));
}

bool is_truth_column(const imaging::CsvWithHeader& csv, std::size_t column) {
  return !csv.rows.empty() && std::all_of(csv.rows.begin(), csv.rows.end(), [&](const auto& row) {
    return find_truth(row[column]).has_value();
  });
}

std::size_t column_of(const imaging::CsvWithHeader& csv, const char* name,
                      const std::filesystem::path& path) {
  const auto column = csv.find_column(name);
  if (!column)
    throw Error(ErrorCode::corrupt_data, fmt::format("{}: has no column {}.", path.string(), name));
  return *column;
}

void check_disjoint(const Split& split, const std::filesystem::path& path) {
  std::set<std::string> seen;
  for (const auto* part : {&split.train, &split.validation, &split.test}) {
    for (const auto& id : *part) {
      if (!seen.insert(id).second) {
        throw Error(ErrorCode::corrupt_data, fmt::format("{}: {} is named twice.", path.string(), id));
      }
    }
  }
}

/// The class a patient is drawn for.
std::map<std::string, std::int64_t> class_of_patients(const LabelTable& table) {
  const auto indices = label_indices(table, table.class_names());
  std::map<std::string, std::int64_t> classes;
  for (const auto& row : table.rows) {
    auto& value = classes.emplace(row.patient, 0).first->second;
    value = std::max(value, indices.at(row.id));
  }
  return classes;
}

std::map<std::int64_t, std::vector<std::string>> group_by_class(const LabelTable& table) {
  std::map<std::int64_t, std::vector<std::string>> patients;
  for (const auto& [patient, number] : class_of_patients(table)) patients[number].push_back(patient);
  return patients;
}

enum class Part { train, validation, test };

Split split_of(const LabelTable& table, const std::map<std::string, Part>& part_of) {
  Split split;
  for (const auto& row : table.rows) {
    switch (part_of.at(row.patient)) {
      case Part::train:
        split.train.push_back(row.id);
        break;
      case Part::validation:
        split.validation.push_back(row.id);
        break;
      case Part::test:
        split.test.push_back(row.id);
        break;
    }
  }
  return split;
}

/// How many of a class's patients go to a part: the rounded share, at least one if there are patients to
/// spare.
std::int64_t part_size(double share, std::int64_t patients, std::int64_t spare) {
  if (share <= 0 || spare <= 0) return 0;
  const auto rounded = static_cast<std::int64_t>(std::llround(share * static_cast<double>(patients)));
  return std::clamp<std::int64_t>(rounded, 1, spare);
}

}  // namespace

Split read_split(const std::filesystem::path& path) {
  const auto csv = imaging::read_csv_with_header(path);
  const std::array columns = {column_of(csv, "train", path), column_of(csv, "val", path),
                              column_of(csv, "test", path)};
  Split split;
  const std::array parts = {&split.train, &split.validation, &split.test};
  const bool is_truth_table = is_truth_column(csv, columns[0]);
  for (const auto& row : csv.rows) {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const auto& cell = row[columns[i]];
      if (is_truth_table) {
        if (truth_of(cell, path)) parts[i]->push_back(row.front());
      } else if (!cell.empty()) {
        parts[i]->push_back(cell);
      }
    }
  }
  check_disjoint(split, path);
  return split;
}

void write_split(const std::filesystem::path& path, const Split& split) {
  const std::array parts = {&split.train, &split.validation, &split.test};
  const auto rows = std::max({parts[0]->size(), parts[1]->size(), parts[2]->size()});
  auto text = imaging::csv_line({"", "train", "val", "test"});
  for (std::size_t row = 0; row < rows; ++row) {
    std::vector<std::string> cells = {fmt::to_string(row)};
    for (const auto* part : parts) cells.push_back(row < part->size() ? (*part)[row] : "");
    text += imaging::csv_line(cells);
  }
  imaging::write_file(path, text);
}

Split make_split(const LabelTable& table, const SplitFractions& fractions, std::uint64_t seed) {
  if (!(fractions.validation >= 0 && fractions.test >= 0 && fractions.validation + fractions.test < 1)) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("Shares of {} for validation and {} for test leave nothing to train on.",
                            fractions.validation, fractions.test));
  }
  std::map<std::string, Part> part_of;
  for (auto [number, patients] : group_by_class(table)) {
    imaging::Random random(seed, static_cast<std::uint64_t>(number));
    random.shuffle(std::span(patients));
    const auto count = static_cast<std::int64_t>(patients.size());
    const auto validation = part_size(fractions.validation, count, count - 1);
    const auto test = part_size(fractions.test, count, count - 1 - validation);
    for (std::int64_t i = 0; i < count; ++i) {
      const auto part = i < validation ? Part::validation : i < validation + test ? Part::test : Part::train;
      part_of[patients[static_cast<std::size_t>(i)]] = part;
    }
  }
  return split_of(table, part_of);
}

std::vector<Split> make_folds(const LabelTable& table, std::int64_t folds, double validation,
                              std::uint64_t seed) {
  const auto patients_of_class = group_by_class(table);
  std::int64_t total = 0;
  for (const auto& [number, patients] : patients_of_class)
    total += static_cast<std::int64_t>(patients.size());
  if (folds < 2 || folds > total || !(validation >= 0 && validation < 1)) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{} folds of {} patients with a share of {} for validation cannot be made; folds "
                            "must be 2 to {}, the share 0 to less than 1.",
                            folds, total, validation, total));
  }
  std::vector<std::map<std::string, Part>> parts(static_cast<std::size_t>(folds));
  std::int64_t dealt = 0;
  for (auto [number, patients] : patients_of_class) {
    imaging::Random random(seed, static_cast<std::uint64_t>(number));
    random.shuffle(std::span(patients));
    const auto first = dealt;
    dealt += static_cast<std::int64_t>(patients.size());
    for (std::int64_t fold = 0; fold < folds; ++fold) {
      auto& part_of = parts[static_cast<std::size_t>(fold)];
      std::vector<std::string> rest;
      for (std::size_t i = 0; i < patients.size(); ++i) {
        if ((first + static_cast<std::int64_t>(i)) % folds == fold) {
          part_of[patients[i]] = Part::test;
        } else {
          rest.push_back(patients[i]);
        }
      }
      // Another start in every fold, so that the same patients do not stop every training.
      std::rotate(rest.begin(),
                  rest.begin() + (rest.empty() ? 0 : fold * static_cast<std::int64_t>(rest.size()) / folds),
                  rest.end());
      const auto count = static_cast<std::int64_t>(rest.size());
      const auto stopping = part_size(validation, count, count - 1);
      for (std::int64_t i = 0; i < count; ++i)
        part_of[rest[static_cast<std::size_t>(i)]] = i < stopping ? Part::validation : Part::train;
    }
  }
  std::vector<Split> splits;
  for (const auto& part_of : parts) splits.push_back(split_of(table, part_of));
  return splits;
}

void check_patients(const Split& split, const LabelTable& table, const std::string& source) {
  std::map<std::string, std::string> patient_of;
  for (const auto& row : table.rows) patient_of[row.id] = row.patient;
  std::map<std::string, std::pair<std::string, std::string>> seen;  // patient to part and slide
  const std::array parts = {std::pair{"train", &split.train}, std::pair{"val", &split.validation},
                            std::pair{"test", &split.test}};
  for (const auto& [part, ids] : parts) {
    for (const auto& id : *ids) {
      const auto patient = patient_of.find(id);
      if (patient == patient_of.end()) continue;
      const auto& [first_part, first_id] = seen.emplace(patient->second, std::pair{part, id}).first->second;
      if (first_part != part) {
        throw Error(ErrorCode::invalid_argument,
                    fmt::format("{}: patient {} is in two parts, {} ({}) and {} ({}); put all slides of a "
                                "patient in one part.",
                                source, patient->second, first_part, first_id, part, id));
      }
    }
  }
}

}  // namespace mil
