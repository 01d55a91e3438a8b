#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

#include "app/workflows/retina_cohort.h"
#include "imaging/base/job.h"
#include "models/retina/retina_grader.h"

namespace workflows {

/// Scores evidence maps against masks of lesions: FOLDER/<kind>/<lesion_name>.png, above 127 a
/// lesion, brought to the photograph's size; kinds microaneurysms, haemorrhages, hard_exudates,
/// soft_exudates, irma, neovascularisation, preretinal_haemorrhages. Of photographs that have a lesion:
///
///     pointing          share whose highest evidence lies on a lesion or within a tenth of the field's
///     radius pointing_chance   share of the field that would count as a hit, mean auc               evidence
///     of pixels on lesions against the rest of the field, mean over photographs
///
/// for the graded class (`evidence`). The maps are compared at the crop's resolution, enlarged bilinearly.
/// @return  null where no photograph has a lesion
/// @throws Error  what the grader throws; Cancelled.
[[nodiscard]] nlohmann::ordered_json score_evidence(models::RetinaGrader& grader,
                                                    const std::vector<RetinaPhotograph>& photographs,
                                                    const std::filesystem::path& masks,
                                                    const RetinaPictures& pictures,
                                                    const imaging::JobContext& job);

}  // namespace workflows
