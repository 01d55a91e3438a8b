#pragma once

#include <string>
#include <vector>

#include "app/report/report_model.h"
#include "app/workflows/case_folder.h"

namespace report {

/// Of a photograph that was read: `result.fundus` is there.
/// @{

/// "Right (OD), by the file's name"; "not known".
[[nodiscard]] std::string eye_text(const workflows::CaseResult& result);
/// The grade in words, that there is none, or that the photograph is ungradable.
[[nodiscard]] std::string fundus_headline(const workflows::CaseResult& result);
/// Why the headline says what it says, or what to do.
[[nodiscard]] std::string fundus_explanation(const workflows::CaseResult& result);
/// Referable, vision-threatening, oedema risk, confidence, quality.
[[nodiscard]] std::vector<Fact> fundus_findings(const workflows::CaseResult& result);
/// Eye, field of view.
[[nodiscard]] std::vector<Fact> fundus_input(const workflows::CaseResult& result);

/// @}

}  // namespace report
