#pragma once

#include <cstdint>
#include <string_view>

#include "imaging/base/random.h"

namespace models {

/// Streams of one seed: each use of chance has its own numbers.
[[nodiscard]] std::uint64_t training_stream(std::string_view use, std::int64_t epoch, std::int64_t place);

/// A share from Beta(alpha, alpha).
[[nodiscard]] double draw_beta(double alpha, imaging::Random& random);

}  // namespace models
