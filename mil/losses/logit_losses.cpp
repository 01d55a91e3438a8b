#include "mil/losses/logit_losses.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <string_view>

#include "imaging/base/error.h"

namespace mil {
namespace {

/// Below it the focal factor has no gradient: that of a small power would be infinite.
constexpr double kSmallestMiss = 1e-7;

std::vector<double> parse_list(std::string_view text) {
  std::vector<double> values;
  while (true) {
    const auto comma = std::min(text.find(','), text.size());
    double value = 0;
    const auto* const end = text.data() + comma;
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || stop != end || !std::isfinite(value) || value < 0) return {};
    values.push_back(value);
    if (comma == text.size()) return values;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace

std::vector<double> class_weights_of(const std::string& choice, const std::vector<std::int64_t>& counts) {
  if (choice == "none") return std::vector<double>(counts.size(), 1.0);
  if (choice == "balanced") {
    const auto total = static_cast<double>(std::accumulate(counts.begin(), counts.end(), std::int64_t{0}));
    const auto present = static_cast<double>(
        std::count_if(counts.begin(), counts.end(), [](auto count) { return count > 0; }));
    std::vector<double> weights;
    for (const auto count : counts) {
      weights.push_back(count == 0 ? 0.0 : total / (present * static_cast<double>(count)));
    }
    return weights;
  }
  auto weights = parse_list(choice);
  if (weights.size() != counts.size()) {
    throw imaging::Error(
        imaging::ErrorCode::invalid_argument,
        fmt::format("Class weights '{}' are neither none nor balanced nor {} numbers from 0, one per class.",
                    choice, counts.size()));
  }
  return weights;
}

LogitLoss make_logit_loss(std::vector<double> weights, double gamma) {
  return [weights = std::move(weights), gamma](const at::Tensor& logits, std::int64_t label) {
    const auto log_probability = logits.log_softmax(0)[label];
    auto loss = -log_probability * weights.at(static_cast<std::size_t>(label));
    if (gamma > 0) loss = loss * (1 - log_probability.exp()).clamp_min(kSmallestMiss).pow(gamma);
    return loss;
  };
}

}  // namespace mil
