#pragma once

#include <cstdint>

namespace workflows {

struct ThreadPlan {
  int compute = 1;  ///< of torch, OpenMP, BLAS and OpenCV
  int decode = 1;   ///< workers that read tiles
};

/// The one place that sets the sizes of all pools.
/// @param threads  0 for all of the machine
ThreadPlan apply_threads(std::int64_t threads);

}  // namespace workflows
