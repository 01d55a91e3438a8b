#pragma once

#include <memory>

#include "mil/training/training_method.h"

namespace mil {

/// Cross-entropy on bag labels, or whatever the base mixes into it: `batch_bags` bags per step of Adam, dealt
/// over the processes.
[[nodiscard]] std::unique_ptr<TrainingMethod> make_ce_method(const TrainingPlan& plan, MethodContext context);

}  // namespace mil
