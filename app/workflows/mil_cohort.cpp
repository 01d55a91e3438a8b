#include "app/workflows/mil_cohort.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <set>

#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "mil/bags/bag_store.h"

namespace workflows {
namespace fs = std::filesystem;
namespace {

using imaging::Error;
using imaging::ErrorCode;

/// The longest id that the bag's name is, or begins with.
const mil::LabelRow* find_row_of(const std::string& bag,
                                 const std::map<std::string, const mil::LabelRow*>& rows, bool may_begin) {
  if (const auto same = rows.find(bag); same != rows.end()) return same->second;
  for (auto length = bag.size(); may_begin && length-- > 1;) {
    if (std::isalnum(static_cast<unsigned char>(bag[length])) != 0) continue;
    if (const auto found = rows.find(bag.substr(0, length)); found != rows.end()) return found->second;
  }
  return nullptr;
}

std::string count_text(const std::vector<std::string>& ids, std::size_t total, std::string_view what) {
  return fmt::format("{} of {} {}: {}{}", ids.size(), total, what,
                     fmt::join(ids.begin(), ids.begin() + std::min<std::ptrdiff_t>(3, std::ssize(ids)), ", "),
                     ids.size() > 3 ? ", ..." : "");
}

void group_by_patient(MilCohort& cohort) {
  mil::LabelTable patients;
  patients.class_order = cohort.labels.class_names();
  std::map<std::string, const mil::LabelRow*> first;
  std::map<std::string, std::vector<fs::path>> files;
  for (const auto& row : cohort.labels.rows) {
    const auto [known, is_new] = first.emplace(row.patient, &row);
    if (known->second->label != row.label) {
      throw Error(
          ErrorCode::invalid_argument,
          fmt::format("Patient {} has slides of two labels, {} ({}) and {} ({}), and cannot become one "
                      "bag; give the patient one label, or use --group slide.",
                      row.patient, known->second->label, known->second->id, row.label, row.id));
    }
    if (is_new) patients.rows.push_back({row.patient, row.patient, row.label});
    auto& of_patient = files[row.patient];
    const auto& of_slide = cohort.files.at(row.id);
    of_patient.insert(of_patient.end(), of_slide.begin(), of_slide.end());
    cohort.bag_of_slide[row.id] = row.patient;
  }
  cohort.files = std::move(files);
  cohort.labels = std::move(patients);
}

}  // namespace

MilCohort read_cohort(const MilData& data) {
  if (data.group != "slide" && data.group != "patient") {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("--group is '{}'; it is slide or patient.", data.group));
  }
  const auto bags = mil::find_bags(data.bags);
  const auto table = mil::read_labels(data.labels);
  MilCohort cohort;
  std::map<std::string, const mil::LabelRow*> rows;
  bool has_patients = false;
  for (const auto& row : table.rows) {
    rows.emplace(row.id, &row);
    has_patients = has_patients || row.patient != row.id;
  }
  std::set<const mil::LabelRow*> used;
  std::map<const mil::LabelRow*, std::vector<mil::LabelRow>> found;  // in the table's order below
  std::vector<std::string> unlabelled;
  for (const auto& [id, path] : bags) {
    const auto* row = find_row_of(id, rows, !has_patients);
    if (row == nullptr) {
      unlabelled.push_back(id);
      continue;
    }
    found[row].push_back({id, row->patient, row->label});
    cohort.files[id] = {path};
    cohort.bag_of_slide[id] = id;
  }
  std::vector<std::string> without_bag;
  for (const auto& row : table.rows) {
    const auto slides = found.find(&row);
    if (slides == found.end()) {
      without_bag.push_back(row.id);
    } else {
      cohort.labels.rows.insert(cohort.labels.rows.end(), slides->second.begin(), slides->second.end());
    }
  }
  if (cohort.files.empty()) {
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("No id of '{}' (as '{}') is the name of a bag in '{}' (as '{}'); they must be "
                    "alike, leading zeros and upper case included.",
                    data.labels.string(), table.rows.front().id, data.bags.string(), bags.begin()->first));
  }
  if (!data.classes.empty()) cohort.labels.set_class_order(data.classes);
  if (const auto names = cohort.labels.class_names(); names.size() < 2) {
    throw Error(ErrorCode::insufficient_data,
                fmt::format("{}: every bag has the label '{}'; a classifier needs two classes or more.",
                            data.labels.string(), names.front()));
  }
  if (!without_bag.empty())
    cohort.notes.push_back(count_text(without_bag, table.rows.size(), "labels have no bag and are left out"));
  if (!unlabelled.empty())
    cohort.notes.push_back(count_text(unlabelled, bags.size(), "bags have no label and are left out"));
  if (data.group == "patient") group_by_patient(cohort);
  return cohort;
}

mil::Split fit_split(const mil::Split& split, const MilCohort& cohort, const std::string& source) {
  mil::Split fitted;
  std::vector<std::string> unknown;
  std::size_t total = 0;
  std::map<std::string, std::string> part_of;
  const auto fit = [&](const std::vector<std::string>& ids, const std::string& part,
                       std::vector<std::string>& into) {
    for (const auto& id : ids) {
      ++total;
      const auto slide = cohort.bag_of_slide.find(id);
      const auto bag = slide != cohort.bag_of_slide.end() ? slide->second : id;
      if (!cohort.files.contains(bag)) {
        unknown.push_back(id);
        continue;
      }
      const auto [known, is_new] = part_of.emplace(bag, part);
      if (is_new) into.push_back(bag);
      if (known->second != part) {
        throw Error(
            ErrorCode::invalid_argument,
            fmt::format("{}: patient {} is in two parts, {} and {} ({}); put all slides of a patient in "
                        "one part.",
                        source, bag, known->second, part, id));
      }
    }
  };
  fit(split.train, "train", fitted.train);
  fit(split.validation, "val", fitted.validation);
  fit(split.test, "test", fitted.test);
  if (!unknown.empty()) {
    throw Error(ErrorCode::invalid_argument,
                fmt::format("{}: {}; encode and label them, or take them out.", source,
                            count_text(unknown, total, "ids have no labelled bag")));
  }
  if (fitted.train.empty())
    throw Error(ErrorCode::invalid_argument, fmt::format("{}: its part train is empty.", source));
  mil::check_patients(fitted, cohort.labels, source);
  return fitted;
}

std::string cohort_sha256(const MilCohort& cohort) {
  std::string text = fmt::format("{}\n", fmt::join(cohort.labels.class_names(), "\n"));
  for (const auto& row : cohort.labels.rows) {
    text += fmt::format("{}\t{}\t{}", row.id, row.patient, row.label);
    for (const auto& path : cohort.files.at(row.id))
      text += fmt::format("\t{} {}", path.filename().string(), fs::file_size(path));
    text += "\n";
  }
  return imaging::sha256_of(text);
}

}  // namespace workflows
