#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "app/report/report_model.h"

namespace report {

/// A patient of whom a run graded both eyes.
struct Patient {
  std::string name;
  std::string folder;  ///< below OUT/patients; safe as a name and unique in the run
  std::vector<std::filesystem::path> right, left;  ///< case folders, in the run's order
};

/// Patients with at least one photograph of each eye among the inputs of OUT/run.json, in the order in which
/// they come. A patient is who the table names, else who the file names of one folder agree on; photographs
/// of which the eye is not known, and failed ones, count for nobody.
/// @throws imaging::Error  `corrupt_data`.
[[nodiscard]] std::vector<Patient> find_patients(const std::filesystem::path& out);

/// Both eyes side by side, the right one on the left; a further row for every further photograph.
/// @throws imaging::Error  as read_report_model.
[[nodiscard]] ReportModel read_patient_model(const Patient& patient, const std::string& printed_date);

}  // namespace report
