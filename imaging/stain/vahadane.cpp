#include "imaging/stain/vahadane.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "imaging/base/error.h"
#include "imaging/stain/macenko.h"

namespace imaging {
namespace {

constexpr double kStill = 1e-6;  ///< largest change of an entry in a round that ends the search

}  // namespace

SparseAmounts::SparseAmounts(const StainVectors& stains, double lambda)
    : lambda_(static_cast<float>(lambda)) {
  double hh = 0, ee = 0, he = 0;
  for (std::size_t c = 0; c < 3; ++c) {
    const double h = stains.rows[0][c], e = stains.rows[1][c];
    h_[c] = static_cast<float>(h);
    e_[c] = static_cast<float>(e);
    hh += h * h;
    ee += e * e;
    he += h * e;
  }
  const double determinant = hh * ee - he * he;
  if (!(determinant > 1e-9))
    throw Error(ErrorCode::invalid_argument,
                "The two stain vectors are parallel, so they cannot be told apart.");
  hh_ = static_cast<float>(hh);
  ee_ = static_cast<float>(ee);
  he_ = static_cast<float>(he);
  scale_ = static_cast<float>(1 / determinant);
}

StainVectors estimate_vahadane(std::span<const Density> densities, const VahadaneOptions& options) {
  auto stains = estimate_macenko(densities, {.min_pixels = options.min_pixels});
  const auto total = static_cast<std::int64_t>(densities.size());
  const auto step = std::max<std::int64_t>(1, (total + options.max_pixels - 1) / options.max_pixels);
  std::vector<Density> chosen;
  for (std::int64_t i = 0; i < total; i += step) chosen.push_back(densities[static_cast<std::size_t>(i)]);

  for (std::int64_t round = 0; round < options.max_rounds; ++round) {
    const SparseAmounts amounts_of(stains, options.lambda);
    std::array<std::array<double, 2>, 2> squares{};  // amounts x amounts
    std::array<std::array<double, 3>, 2> shares{};   // amounts x densities
    for (const auto& od : chosen) {
      const auto amounts = amounts_of(od);
      for (std::size_t i = 0; i < 2; ++i) {
        const auto amount = static_cast<double>(amounts[i]);
        for (std::size_t j = 0; j < 2; ++j) squares[i][j] += amount * static_cast<double>(amounts[j]);
        for (std::size_t c = 0; c < 3; ++c) shares[i][c] += amount * static_cast<double>(od[c]);
      }
    }
    double moved = 0;
    for (std::size_t k = 0; k < 2; ++k) {
      if (!(squares[k][k] > 0))
        throw Error(ErrorCode::insufficient_data, "The stained pixels hold one stain only.");
      std::array<double, 3> next{};
      double length = 0;
      for (std::size_t c = 0; c < 3; ++c) {
        next[c] = std::max(0.0, (shares[k][c] - squares[k][1 - k] * stains.rows[1 - k][c]) / squares[k][k]);
        length += next[c] * next[c];
      }
      length = std::sqrt(length);
      if (!(length > 0)) throw Error(ErrorCode::insufficient_data, "The stained pixels hold one stain only.");
      for (std::size_t c = 0; c < 3; ++c) {
        moved = std::max(moved, std::abs(next[c] / length - stains.rows[k][c]));
        stains.rows[k][c] = next[c] / length;
      }
    }
    if (moved < kStill) break;
  }
  if (stains.rows[0][0] < stains.rows[1][0]) std::swap(stains.rows[0], stains.rows[1]);
  return stains;
}

}  // namespace imaging
