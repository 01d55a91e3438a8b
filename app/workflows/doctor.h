#pragma once

#include <nlohmann/json.hpp>

#include "app/workflows/analyze.h"

namespace workflows {

/// What this machine offers and what is used: `blas` (library, gflops, threads, torch), `threads`, `device`,
/// `devices` (tried, and why refused), `readers` with versions, `models` found, `warnings`.
/// @par Cost  One or two seconds: it measures the matrix product.
[[nodiscard]] nlohmann::ordered_json examine_machine(const RuntimeOptions& runtime);

}  // namespace workflows
