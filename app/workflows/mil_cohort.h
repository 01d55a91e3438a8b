#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "mil/bags/bag_store.h"
#include "mil/bags/label_table.h"
#include "mil/bags/split.h"

namespace workflows {

/// Where bags and their truth are.
struct MilData {
  std::filesystem::path bags;        ///< folder that find_bags understands
  std::filesystem::path labels;      ///< CSV, as read_labels
  std::vector<std::string> classes;  ///< in the order of their numbers; empty: as LabelTable::class_names
  std::string group = "slide";       ///< slide | patient: what is one bag
};

/// Bags with their truth. An id is a slide's or, grouped, a patient's.
struct MilCohort {
  mil::BagFiles files;                              ///< labelled bags; one file unless grouped
  mil::LabelTable labels;                           ///< of those bags alone
  std::map<std::string, std::string> bag_of_slide;  ///< the id that a slide's features are part of
  std::vector<std::string> notes;  ///< what people should know: labels without bags, bags without labels
};

/// Joins the bags of a folder with a table of labels. A label whose id is no bag's name, in a table without
/// patients (MHIM's), belongs to every bag whose name begins with it and goes on with a character that is
/// neither letter nor digit: MHIM takes any name that contains the id, which confuses patient 1 with 11.
///
/// @throws imaging::Error  as find_bags and read_labels; `invalid_argument` where no label belongs to a bag,
/// on an unknown class or group, and where slides of a patient that becomes one bag have different labels;
/// `insufficient_data` on one class.
[[nodiscard]] MilCohort read_cohort(const MilData& data);

/// Checks a split that people gave against the cohort. Grouped by patient, ids of slides become their
/// patient's.
/// @param source  its file, for messages
/// @throws imaging::Error  `invalid_argument` on ids without a label or a bag (counted), no training id, or a
/// patient in two parts.
[[nodiscard]] mil::Split fit_split(const mil::Split& split, const MilCohort& cohort,
                                   const std::string& source);

/// A text that changes with the bags' names and sizes, the labels and the groups: what a run that goes on
/// must find again.
[[nodiscard]] std::string cohort_sha256(const MilCohort& cohort);

}  // namespace workflows
