#include "imaging/phantom/fundus_domains.h"

#include <fmt/format.h>

#include "imaging/base/error.h"

namespace imaging {
namespace {

using enum FundusBorder;

constexpr std::array<FundusDomain, 8> kDomains{{
    // A 50-degree camera whose frame cuts the disc above and below; warm light.
    {.name = "clinic-a",
     .for_training = true,
     .width = 1424,
     .height = 944,
     .field_degrees = 50,
     .radius = 0.6,
     .aim = 0.5,
     .colour = {1.14, 1.28, 0.34},
     .falloff = 0.42,
     .uneven = 0.22,
     .gamma = 1.0,
     .blur = 0.9,
     .noise = 1.2,
     .haze = 0.03,
     .background = 3,
     .rim = 0,
     .dust = 0,
     .flare = 0,
     .has_notch = true,
     .border = none,
     .jpeg_quality = 92},
    // A small, pale picture of a three-chip video camera.
    {.name = "clinic-b",
     .for_training = true,
     .width = 584,
     .height = 600,
     .field_degrees = 45,
     .radius = 0.465,
     .aim = 0.3,
     .colour = {1.32, 1.5, 2.1},
     .falloff = 0.3,
     .uneven = 0.15,
     .gamma = 0.95,
     .blur = 1.3,
     .noise = 2.5,
     .haze = 0.06,
     .background = 1,
     .rim = 0.25,
     .dust = 2,
     .flare = 0,
     .has_notch = true,
     .border = none,
     .jpeg_quality = 96},
    // A dark red picture, the whole disc in the frame.
    {.name = "clinic-c",
     .for_training = true,
     .width = 1440,
     .height = 960,
     .field_degrees = 45,
     .radius = 0.48,
     .aim = 0.4,
     .colour = {1.1, 0.95, 0.75},
     .falloff = 0.5,
     .uneven = 0.1,
     .gamma = 1.1,
     .blur = 0.8,
     .noise = 1.5,
     .haze = 0.02,
     .background = 0,
     .rim = 0,
     .dust = 0,
     .flare = 0,
     .has_notch = false,
     .border = none,
     .jpeg_quality = 90},
    // Many screening cameras: cut at all four sides, compressed hard.
    {.name = "clinic-d",
     .for_training = true,
     .width = 1024,
     .height = 880,
     .field_degrees = 45,
     .radius = 0.6,
     .aim = 0.45,
     .colour = {1.22, 1.2, 1.0},
     .falloff = 0.35,
     .uneven = 0.3,
     .gamma = 1.0,
     .blur = 1.1,
     .noise = 2.5,
     .haze = 0.05,
     .background = 2,
     .rim = 0.15,
     .dust = 4,
     .flare = 0,
     .has_notch = false,
     .border = black_text,
     .jpeg_quality = 70},
    // A narrow field about the optic disc, strong contrast.
    {.name = "clinic-e",
     .for_training = false,
     .width = 999,
     .height = 960,
     .field_degrees = 34,
     .radius = 0.48,
     .aim = 0.9,
     .colour = {1.2, 0.85, 0.5},
     .falloff = 0.65,
     .uneven = 0.25,
     .gamma = 1.15,
     .blur = 0.9,
     .noise = 1.0,
     .haze = 0,
     .background = 0,
     .rim = 0,
     .dust = 0,
     .flare = 0,
     .has_notch = false,
     .border = none,
     .jpeg_quality = 93},
    // Exported with a white border and red text.
    {.name = "clinic-f",
     .for_training = false,
     .width = 1200,
     .height = 1000,
     .field_degrees = 45,
     .radius = 0.42,
     .aim = 0.5,
     .colour = {1.15, 1.2, 1.15},
     .falloff = 0.3,
     .uneven = 0.2,
     .gamma = 0.95,
     .blur = 1.2,
     .noise = 2.0,
     .haze = 0.08,
     .background = 0,
     .rim = 0.1,
     .dust = 2,
     .flare = 0.15,
     .has_notch = false,
     .border = white_text,
     .jpeg_quality = 85},
    // A hand-held camera: small, noisy, uneven light, reflections.
    {.name = "clinic-g",
     .for_training = false,
     .width = 800,
     .height = 800,
     .field_degrees = 40,
     .radius = 0.47,
     .aim = 0.55,
     .colour = {1.05, 1.05, 0.75},
     .falloff = 0.6,
     .uneven = 0.45,
     .gamma = 0.9,
     .blur = 2.0,
     .noise = 5.0,
     .haze = 0.12,
     .background = 6,
     .rim = 0.1,
     .dust = 5,
     .flare = 0.35,
     .has_notch = false,
     .border = none,
     .jpeg_quality = 80},
    // Cloudy lenses, a cold lamp, a background that is not quite black.
    {.name = "clinic-h",
     .for_training = false,
     .width = 1600,
     .height = 1200,
     .field_degrees = 55,
     .radius = 0.47,
     .aim = 0.35,
     .colour = {1.05, 1.15, 1.5},
     .falloff = 0.4,
     .uneven = 0.2,
     .gamma = 1.0,
     .blur = 1.4,
     .noise = 2.0,
     .haze = 0.25,
     .background = 24,
     .rim = 0.2,
     .dust = 1,
     .flare = 0,
     .has_notch = true,
     .border = none,
     .jpeg_quality = 88},
}};

}  // namespace

std::span<const FundusDomain> fundus_domains() {
  return kDomains;
}

std::vector<std::string_view> fundus_domain_names() {
  std::vector<std::string_view> names;
  for (const auto& domain : kDomains) names.push_back(domain.name);
  return names;
}

const FundusDomain& find_fundus_domain(std::string_view name) {
  for (const auto& domain : kDomains) {
    if (domain.name == name) return domain;
  }
  throw Error(ErrorCode::invalid_argument, fmt::format("Unknown fundus domain '{}'; known are: {}.", name,
                                                       fmt::join(fundus_domain_names(), ", ")));
}

}  // namespace imaging
