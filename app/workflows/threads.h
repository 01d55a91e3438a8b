#pragma once

#include <cstdint>

namespace workflows {

struct ThreadPlan {
  int compute = 1;  ///< of torch, OpenMP, BLAS and OpenCV
  int decode = 1;   ///< workers that read tiles
};

/// Starts the program again with OMP_WAIT_POLICY=passive, unless that variable is set already: libgomp's
/// threads otherwise spin where they wait for the next tile and take the cores from those that decode it
/// (three quarters of the processor's time with a small encoder). libgomp reads the variable when it is
/// loaded, which is before `main`. Returns where the variable was set, or where the program cannot be started
/// again.
/// @param argv  as given to main, which calls this first
void start_with_passive_threads(char** argv);

/// The one place that sets the sizes of all pools.
/// @param threads  0 for all of the machine
ThreadPlan apply_threads(std::int64_t threads);

}  // namespace workflows
