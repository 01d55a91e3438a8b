#include "imaging/phantom/stain_domains.h"

#include <fmt/format.h>

#include <cmath>

#include "imaging/base/error.h"

namespace imaging {
namespace {

constexpr StainVectors vectors(std::array<double, 3> haematoxylin, std::array<double, 3> eosin) {
  return {{haematoxylin, eosin}};
}

// Rows are unit vectors to three digits. Between them lie blue to purple haematoxylin, magenta to salmon
// eosin, pale to strong staining, cool to warm glass, sharp to soft optics.
constexpr std::array kDomains{
    StainDomain{"hospital-a",
                true,
                vectors({0.650, 0.704, 0.286}, {0.151, 0.863, 0.482}),
                1.00,
                1.00,
                {0.950, 0.945, 0.950},
                1.00,
                0.30,
                1.5,
                88},
    StainDomain{"hospital-b",
                false,
                vectors({0.563, 0.720, 0.406}, {0.216, 0.801, 0.558}),
                1.05,
                0.95,
                {0.960, 0.955, 0.940},
                1.00,
                0.35,
                1.8,
                85},
    StainDomain{"hospital-c",
                true,
                vectors({0.600, 0.740, 0.304}, {0.220, 0.910, 0.350}),
                1.20,
                1.20,
                {0.930, 0.930, 0.940},
                1.10,
                0.28,
                1.2,
                90},
    StainDomain{"hospital-d",
                false,
                vectors({0.700, 0.660, 0.273}, {0.110, 0.919, 0.379}),
                0.85,
                0.80,
                {0.965, 0.960, 0.965},
                0.92,
                0.40,
                2.2,
                80},
    StainDomain{"hospital-e",
                true,
                vectors({0.584, 0.696, 0.418}, {0.250, 0.829, 0.500}),
                0.95,
                1.15,
                {0.955, 0.940, 0.920},
                1.05,
                0.45,
                2.0,
                82},
    StainDomain{"hospital-f",
                false,
                vectors({0.620, 0.690, 0.374}, {0.170, 0.881, 0.441}),
                1.15,
                0.75,
                {0.940, 0.950, 0.960},
                1.00,
                0.30,
                1.6,
                85},
    StainDomain{"hospital-g",
                true,
                vectors({0.680, 0.680, 0.274}, {0.200, 0.890, 0.410}),
                1.10,
                0.85,
                {0.970, 0.965, 0.970},
                0.95,
                0.35,
                2.5,
                78},
    StainDomain{"hospital-h",
                false,
                vectors({0.540, 0.760, 0.362}, {0.130, 0.790, 0.600}),
                1.00,
                1.00,
                {0.925, 0.920, 0.915},
                1.08,
                0.50,
                1.4,
                87},
};

}  // namespace

std::span<const StainDomain> stain_domains() {
  return kDomains;
}

std::vector<std::string_view> stain_domain_names() {
  std::vector<std::string_view> names;
  for (const auto& domain : kDomains) names.push_back(domain.name);
  return names;
}

const StainDomain& find_stain_domain(std::string_view name) {
  for (const auto& domain : kDomains) {
    if (domain.name == name) return domain;
  }
  throw Error(ErrorCode::invalid_argument, fmt::format("Unknown stain domain '{}'; known are: {}.", name,
                                                       fmt::join(stain_domain_names(), ", ")));
}

}  // namespace imaging
