#include "app/workflows/threads.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "imaging/raster/image_threads.h"
#include "models/runtime/device.h"

namespace workflows {

void start_with_passive_threads(char** argv) {
  constexpr auto kPolicy = "OMP_WAIT_POLICY";
  if (std::getenv(kPolicy) != nullptr) return;
  setenv(kPolicy, "passive", 0);
  execv("/proc/self/exe", argv);  // where it fails, the program goes on as it is, only slower
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
