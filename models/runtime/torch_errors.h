#pragma once

#include <exception>
#include <string>
#include <utility>

#include "imaging/base/error.h"

namespace models {

/// One sentence of what LibTorch threw, without its C++ and Python traces.
[[nodiscard]] std::string describe_torch_error(const std::exception& error);

/// Runs `body`; whatever LibTorch throws becomes an imaging::Error. Ours, and Cancelled, pass through.
/// @param code  what the failure means here, unless memory ran out (`resource_exhausted`)
/// @param what  start of the sentence: "The network of package X failed"
template <typename Body>
auto with_torch_errors(imaging::ErrorCode code, const std::string& what, Body&& body) {
  try {
    return std::forward<Body>(body)();
  } catch (const imaging::Error&) {
    throw;
  } catch (const imaging::Cancelled&) {
    throw;
  } catch (const std::exception& error) {
    const auto reason = describe_torch_error(error);
    const bool is_memory = reason.find("out of memory") != std::string::npos ||
                           reason.find("allocate memory") != std::string::npos;
    throw imaging::Error(is_memory ? imaging::ErrorCode::resource_exhausted : code, what + ": " + reason);
  }
}

}  // namespace models
