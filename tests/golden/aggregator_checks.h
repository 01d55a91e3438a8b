#pragma once

#include "tests/golden/golden_case.h"

namespace golden {

void check_clam_attn(GoldenCase& golden);
void check_clam_gated_attn(GoldenCase& golden);
void check_dsmil_plain(GoldenCase& golden);
void check_full_clam(GoldenCase& golden);
void check_full_mhim_abmil(GoldenCase& golden);
void check_full_mhim_dsmil(GoldenCase& golden);
void check_full_transmil(GoldenCase& golden);
void check_mhim2_merge(GoldenCase& golden);
void check_mhim_abmil_gated(GoldenCase& golden);
void check_mhim_dsmil(GoldenCase& golden);
void check_mhim_transmil(GoldenCase& golden);
void check_nystrom(GoldenCase& golden);
void check_pinv(GoldenCase& golden);
void check_ppeg(GoldenCase& golden);
void check_smooth_svm(GoldenCase& golden);

}  // namespace golden
