#include "app/workflows/viewing.h"

#include "app/workflows/reading.h"
#include "imaging/slide/network_path.h"

namespace workflows {
namespace {
constexpr double kReadSeconds = 20;
}

std::shared_ptr<const imaging::SlideReader> open_for_viewing(const std::filesystem::path& path,
                                                             std::stop_token stop) {
  const SlideSource source(
      {.isolate = imaging::lies_on_network(path) ? "always" : "never", .read_timeout = kReadSeconds},
      {path.string()});
  return source.open(path, imaging::JobContext{std::move(stop)});
}

}  // namespace workflows
