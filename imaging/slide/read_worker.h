#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "imaging/slide/slide_reader.h"

namespace imaging {

/// The whole life of a reading process that an isolated reader started: answers requests until the socket is
/// closed. Ends at once, whatever it does, when the program that started it ends; takes no part in its
/// terminal's signals; may hold at most 8 GiB of its own.
///
/// @param open  how it opens a slide; `open_slide` in the program that is shipped
/// @return      the process's exit code
int serve_reads(const std::function<std::unique_ptr<SlideReader>(const std::filesystem::path&)>& open);

}  // namespace imaging
