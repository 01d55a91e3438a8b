#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "app/workflows/analyze.h"
#include "app/workflows/inputs.h"
#include "app/workflows/reading.h"
#include "app/workflows/run_environment.h"

namespace workflows {

/// What one kind of input, slides or photographs, brings to a run of cases.
class CaseKind {
 public:
  virtual ~CaseKind() = default;

  /// What a progress line calls the inputs: "slides".
  [[nodiscard]] virtual std::string stage() const = 0;

  /// What is known of a case before its pixels are read. By this and by the file's content a later run knows
  /// that a case is done.
  [[nodiscard]] virtual CaseResult start(const InputFile& file) const = 0;

  /// Leads from the file to the result, which it fills as far as it gets, and writes the artefacts.
  /// @param folder  empty; gone again where this throws
  virtual void execute(const InputFile& file, const CaseFolder& folder, CaseResult& result,
                       const imaging::JobContext& job) = 0;

  /// The files of a finished case besides result.json and the reports.
  [[nodiscard]] virtual std::vector<std::filesystem::path> artefacts(const CaseFolder& folder,
                                                                     const CaseResult& result) const = 0;

  [[nodiscard]] virtual std::vector<std::string> class_names() const = 0;
  /// Columns of cohort.csv between the probabilities and the warnings.
  [[nodiscard]] virtual std::vector<std::string> columns() const = 0;
  /// One cell per column.
  [[nodiscard]] virtual std::vector<std::string> cells(const CaseResult& result) const = 0;
};

/// What a run of cases is besides its kind.
struct CaseRun {
  std::filesystem::path out;
  const InputOptions& inputs;
  const SlideSource& source;
  const RunEnvironment& environment;
  nlohmann::ordered_json work;  ///< of run.json: packages and options
  bool has_reports = true;
};

/// A result that knows its input, its model and the versions, as every kind begins one.
[[nodiscard]] CaseResult start_case(const InputFile& file, const models::ModelPackage& package);

/// Works on every input and writes OUT/run.json, OUT/cohort.csv, OUT/cases/<case>/ and the reports. See
/// `analyze` for what is skipped, kept and promised.
/// @throws Error  only for what concerns the whole run (no inputs, OUT not writable); Cancelled.
RunSummary run_cases(CaseKind& kind, const CaseRun& run, const ReportWriter& reports,
                     const std::function<void(const RunRow&)>& on_case, const imaging::JobContext& job);

/// A number as cohort.csv holds it, and an empty cell for none.
[[nodiscard]] std::string cohort_cell(double value);
[[nodiscard]] std::string cohort_cell(const std::optional<double>& value);

}  // namespace workflows
