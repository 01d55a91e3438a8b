#include "app/workflows/threads.h"

#include <algorithm>

#include "imaging/raster/image_threads.h"
#include "models/runtime/device.h"

namespace workflows {

ThreadPlan apply_threads(std::int64_t threads) {
  ThreadPlan plan;
  plan.compute = models::set_compute_threads(static_cast<int>(threads));
  // Reading a tile costs a fraction of encoding it, and the workers sleep while their queue is full.
  plan.decode = std::max(1, plan.compute / 2);
  imaging::set_image_threads(plan.compute);
  return plan;
}

}  // namespace workflows
