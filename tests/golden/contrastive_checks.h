#pragma once

#include "tests/golden/golden_case.h"

namespace golden {

void check_ins_moco(GoldenCase& golden);
void check_ins_step(GoldenCase& golden);
void check_ins_supcon_masked(GoldenCase& golden);
void check_scmil_joint(GoldenCase& golden);
void check_supcon(GoldenCase& golden);

}  // namespace golden
