#pragma once

#include <filesystem>
#include <string>
#include <utility>

#include "imaging/base/error.h"
#include "tests/fuzz/targets.h"

namespace fuzz {

/// The input as a file of this name, in a folder of the process that goes with it.
[[nodiscard]] std::filesystem::path as_file(const std::string& name, Bytes bytes);

/// The input as text.
[[nodiscard]] std::string as_text(Bytes bytes);

/// Ends the process unless `holds`.
void require(bool holds, const char* what);

/// Runs `body`. Our own refusal is what a damaged input deserves, unless it blames ourselves.
template <typename Body>
void accept_refusal(Body&& body) {
  try {
    std::forward<Body>(body)();
  } catch (const imaging::Error& error) {
    require(error.code() != imaging::ErrorCode::internal, error.what());
    require(*error.what() != '\0', "an error without a message");
  }
}

}  // namespace fuzz
