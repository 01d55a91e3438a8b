#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>

#include "imaging/slide/slide_reader.h"

namespace imaging {

struct IsolationOptions {
  std::filesystem::path worker;  ///< executable, see find_read_worker
  double timeout_s = 30;         ///< for one read or for opening
};

/// `tessera-read-worker` beside the running executable; absent where it is not there.
[[nodiscard]] std::optional<std::filesystem::path> find_read_worker();

/// Opens a slide so that a decoder that hangs or crashes takes nothing along: all work on the file happens in
/// processes of its own, one for each thread that reads at the same time.
///
/// A process that does not answer in time, or dies, is killed. The region is then tried once more in a fresh
/// one, and fails as `corrupt_data` with the reason ("timed out after 30 s", "the decoder crashed with signal
/// 11"), so that it is ledgered like any corrupt tile. After ten regions in a row that timed out the slide is
/// given up. What the reader in the process throws arrives here with its code and message.
///
/// @param stop    a request ends waiting reads at once, with Cancelled
/// @throws Error  as `open_slide`; `corrupt_data` where opening hangs or crashes; `resource_exhausted`
///                where no process can be started; `incompatible` where the worker is another
///                version's.
/// @par Threads   Reads run concurrently, each in its own process.
/// @par Cost      About 0.1 ms per 256 x 256 tile and, per process, its start. Processes end with the reader.
[[nodiscard]] std::unique_ptr<SlideReader> open_isolated(const std::filesystem::path& path,
                                                         const IsolationOptions& options,
                                                         std::stop_token stop = {});

}  // namespace imaging
