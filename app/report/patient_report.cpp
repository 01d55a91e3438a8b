#include "app/report/patient_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "app/workflows/batch.h"
#include "app/workflows/inputs.h"
#include "imaging/base/files.h"

namespace report {
namespace fs = std::filesystem;
namespace {

/// What a patient's page says first: what the worse eye asks for.
struct EyeSummary {
  const char* name;  ///< "right eye"
  bool is_graded = false;
  bool is_referable = false;
};

EyeSummary summarise(const char* name, const std::vector<fs::path>& folders) {
  EyeSummary summary{name};
  for (const auto& folder : folders) {
    const auto result = workflows::CaseFolder{folder}.read_result();
    const bool has_grade = result.fundus && result.fundus->scores && result.abstention.empty();
    summary.is_graded = summary.is_graded || has_grade;
    summary.is_referable =
        summary.is_referable || (has_grade && result.fundus->scores->is_referable.value_or(false));
  }
  return summary;
}

std::string headline_of(const EyeSummary& right, const EyeSummary& left) {
  if (right.is_referable && left.is_referable) return "Referable: both eyes";
  if (right.is_referable || left.is_referable)
    return fmt::format("Referable: {}", right.is_referable ? right.name : left.name);
  if (right.is_graded && left.is_graded) return "Not referable";
  if (!right.is_graded && !left.is_graded) return "No grade of either eye";
  return fmt::format("No grade of the {}", right.is_graded ? left.name : right.name);
}

EyeColumn make_column(const fs::path& folder, const std::string& printed_date) {
  auto model = read_report_model(workflows::CaseFolder{folder}, printed_date);
  return {.case_name = std::move(model.case_name),
          .headline = std::move(model.headline),
          .explanation = std::move(model.explanation),
          .classes = std::move(model.classes),
          .findings = std::move(model.findings),
          .overview = std::move(model.overview),
          .warnings = std::move(model.warnings)};
}

}  // namespace

std::vector<Patient> find_patients(const fs::path& out) {
  std::vector<Patient> patients;
  std::map<std::string, std::size_t> places;
  for (const auto& row : workflows::read_earlier_rows(out / "run.json")) {
    const workflows::CaseFolder folder{out / "cases" / row.case_name};
    std::error_code ignored;
    if (!fs::exists(folder.result(), ignored)) continue;
    const auto result = folder.read_result();
    if (!result.fundus || result.status == "failed" || !result.patient || !result.laterality) continue;
    // Two folders may well use the same numbers for different people.
    const auto key = result.fundus->patient_source == "table"
                         ? *result.patient
                         : fs::path(result.file).parent_path().generic_string() + "/" + *result.patient;
    const auto [place, is_new] = places.emplace(key, patients.size());
    if (is_new) patients.push_back({.name = *result.patient, .folder = key, .right = {}, .left = {}});
    auto& patient = patients[place->second];
    (*result.laterality == "R" ? patient.right : patient.left).push_back(folder.path);
  }
  std::erase_if(patients,
                [](const Patient& patient) { return patient.right.empty() || patient.left.empty(); });
  std::map<std::string, int> uses;
  for (const auto& patient : patients) ++uses[workflows::safe_name(patient.name)];
  for (auto& patient : patients) {
    const auto name = workflows::safe_name(patient.name);
    patient.folder =
        uses[name] == 1 ? name : fmt::format("{}-{:.6}", name, imaging::sha256_of(patient.folder));
  }
  return patients;
}

ReportModel read_patient_model(const Patient& patient, const std::string& printed_date) {
  const auto first = read_report_model(workflows::CaseFolder{patient.right.front()}, printed_date);
  const auto result = workflows::CaseFolder{patient.right.front()}.read_result();
  ReportModel model;
  model.case_name = fmt::format("Patient {}", patient.name);
  model.printed_date = printed_date;
  model.headline = headline_of(summarise("right eye", patient.right), summarise("left eye", patient.left));
  model.explanation = "The worse eye decides. Grades, evidence and quality of each photograph stand below.";
  model.input = {{"Pictures", fmt::format("{} of the right eye, {} of the left", patient.right.size(),
                                          patient.left.size())}};
  if (result.fundus->patient_source == "file name")
    model.warnings.emplace_back("The photographs were put together by their files' names alone.");
  for (std::size_t i = 0; i < std::max(patient.right.size(), patient.left.size()); ++i) {
    EyeRow row;
    if (i < patient.right.size()) row.right = make_column(patient.right[i], printed_date);
    if (i < patient.left.size()) row.left = make_column(patient.left[i], printed_date);
    model.eyes.push_back(std::move(row));
  }
  auto folders = patient.right;
  folders.insert(folders.end(), patient.left.begin(), patient.left.end());
  const bool is_degraded = std::ranges::any_of(folders, [](const fs::path& folder) {
    return workflows::CaseFolder{folder}.read_result().status == "degraded";
  });
  model.status = is_degraded ? "degraded" : "done";
  model.status_word = is_degraded ? "Degraded" : "Done";
  model.provenance = first.provenance;
  std::erase_if(model.provenance, [](const Fact& fact) { return fact.name == "Input"; });
  return model;
}

}  // namespace report
