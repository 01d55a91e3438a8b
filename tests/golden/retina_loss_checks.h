#pragma once

#include "tests/golden/golden_case.h"

namespace golden {

/// The checks of training losses, by kind.
[[nodiscard]] const CheckTable& retina_loss_checks();

}  // namespace golden
