#pragma once

#include <sys/resource.h>

#include <chrono>
#include <functional>
#include <string>

namespace imaging::detail {

/// Memory that `work` may take. Unit: bytes.
inline constexpr rlim_t kMemoryApart = rlim_t{1} << 32;

/// Runs `work` in a forked copy of this process and hands back its bytes, so that a library that aborts,
/// crashes, hangs or prints does so apart. Debian's GDCM is built with its assertions on and ends the process
/// on a damaged file.
///
/// The copy has one thread, no output and at most kMemoryApart more memory than now; `work` must not take
/// locks that other threads may hold. An exception in `work` counts as a crash: it should catch its own.
///
/// @throws std::runtime_error  "its decoder crashed (signal 6)", "its decoder did not end within 60 s"
/// @throws Error               `resource_exhausted` where no process can be made.
/// @par Threads  Safe.
[[nodiscard]] std::string run_apart(const std::function<std::string()>& work, std::chrono::seconds limit);

}  // namespace imaging::detail
