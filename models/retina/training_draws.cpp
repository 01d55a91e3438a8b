#include "models/retina/training_draws.h"

#include <fmt/format.h>

#include <cmath>

namespace models {
namespace {

using imaging::Random;

/// Marsaglia and Tsang's, with the power trick below 1.
double draw_gamma(double shape, Random& random) {
  if (shape < 1) return draw_gamma(shape + 1, random) * std::pow(1 - random.uniform(), 1 / shape);
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = random.normal(), v = std::pow(1 + c * x, 3);
    if (v > 0 && std::log(1 - random.uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

}  // namespace

std::uint64_t training_stream(std::string_view use, std::int64_t epoch, std::int64_t place) {
  return imaging::hash_text(fmt::format("{}/{}/{}", use, epoch, place));
}

double draw_beta(double alpha, Random& random) {
  const double a = draw_gamma(alpha, random), b = draw_gamma(alpha, random);
  return a + b > 0 ? a / (a + b) : 0.5;
}

}  // namespace models
