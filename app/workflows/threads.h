#pragma once

#include <cstdint>

namespace workflows {

struct ThreadPlan {
  int compute = 1;  ///< of torch, OpenMP, BLAS and OpenCV
  int decode = 1;   ///< workers that read tiles
};

/// Starts the program again with what its libraries read before `main`, each unless it is set already:
/// - OMP_WAIT_POLICY=passive: libgomp's threads otherwise spin where they wait for the next tile and take the
///   cores from those that decode it (three quarters of the processor's time with a small encoder);
/// - OPENBLAS_CORETYPE, where OpenBLAS would take slower kernels than the processor has. The last bits of
///   results depend on it, so every program that runs networks starts so.
/// Returns where nothing was to be set, or where the program cannot be started again.
/// @param argv  as given to main, which calls this first
void start_with_fast_libraries(char** argv);

/// The one place that sets the sizes of all pools.
/// @param threads  0 for all of the machine
ThreadPlan apply_threads(std::int64_t threads);

}  // namespace workflows
