#include "app/workflows/threads.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "imaging/raster/image_threads.h"
#include "models/runtime/device.h"

namespace workflows {

void start_with_fast_libraries(char** argv) {
  bool is_changed = false;
  const auto set = [&](const char* name, const std::string& value) {
    if (std::getenv(name) != nullptr || value.empty()) return;
    is_changed = setenv(name, value.c_str(), 0) == 0 || is_changed;
  };
  set("OMP_WAIT_POLICY", "passive");
  set("OPENBLAS_CORETYPE", models::better_openblas_kernels());
  if (is_changed) execv("/proc/self/exe", argv);  // where it fails, the program goes on, only slower
}

ThreadPlan apply_threads(std::int64_t threads) {
  ThreadPlan plan;
  plan.compute = models::set_compute_threads(static_cast<int>(threads));
  // Reading a tile costs a fraction of encoding it, and the workers sleep while their queue is full.
  plan.decode = std::max(1, plan.compute / 2);
  imaging::set_image_threads(plan.compute);
  return plan;
}

}  // namespace workflows
