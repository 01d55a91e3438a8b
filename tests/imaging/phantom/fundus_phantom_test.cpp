#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>
#include <vector>

#include "imaging/base/files.h"
#include "imaging/fundus/field_of_view.h"
#include "imaging/fundus/illumination.h"
#include "imaging/fundus/quality.h"
#include "imaging/phantom/fundus_phantom.h"
#include "imaging/raster/png.h"
#include "tests/support/test_support.h"

namespace {

using imaging::FundusPhantomOptions;
using imaging::Image8;

FundusPhantomOptions eye(std::int64_t seed, std::int64_t grade, const std::string& domain = "clinic-b") {
  FundusPhantomOptions options;
  options.seed = seed;
  options.grade = grade;
  options.domain = domain;
  return options;
}

double area(const imaging::FundusPhantom& phantom, const std::string& mask) {
  const auto found = phantom.masks.find(mask);
  if (found == phantom.masks.end()) return 0;
  double count = 0;
  for (const auto value : found->second.values()) count += value != 0 ? 1 : 0;
  return count;
}

constexpr std::array kLesions{"microaneurysms",         "haemorrhages", "hard_exudates",
                              "soft_exudates",          "irma",         "neovascularisation",
                              "preretinal_haemorrhages"};

double lesion_area(const imaging::FundusPhantom& phantom) {
  double sum = 0;
  for (const auto* name : kLesions) sum += area(phantom, name);
  return sum;
}

std::int64_t number(const imaging::FundusPhantom& phantom, const std::string& kind) {
  const auto found = phantom.lesions.find(kind);
  return found == phantom.lesions.end() ? 0 : found->second;
}

TEST(FundusPhantomTest, FieldOfViewIsFoundInEveryDomainWithinOneAndAHalfPercent) {
  for (const auto& domain : imaging::fundus_domains()) {
    for (const std::int64_t seed : {1, 2}) {
      const auto phantom = imaging::make_fundus_phantom(eye(seed, 2 * (seed - 1), std::string(domain.name)));
      const auto field = imaging::find_field_of_view(phantom.photograph);
      const double tolerance =
          std::max(4.0, 0.015 * phantom.radius);  // the half-size rule works in steps of 2
      EXPECT_NEAR(field.centre.x, phantom.centre.x, tolerance) << domain.name << " " << field.method;
      EXPECT_NEAR(field.centre.y, phantom.centre.y, tolerance) << domain.name << " " << field.method;
      EXPECT_NEAR(field.radius, phantom.radius, tolerance) << domain.name << " " << field.method;
    }
  }
}

TEST(FundusPhantomTest, GradesHoldTheLesionsOfTheirDefinition) {
  for (std::int64_t seed = 1; seed <= 6; ++seed) {
    const auto none = imaging::make_fundus_phantom(eye(seed, 0));
    EXPECT_TRUE(none.lesions.empty());
    const auto mild = imaging::make_fundus_phantom(eye(seed, 1));
    EXPECT_GE(number(mild, "microaneurysms"), 3);
    EXPECT_EQ(mild.lesions.size(), 1U) << "microaneurysms only";
    const auto moderate = imaging::make_fundus_phantom(eye(seed, 2));
    EXPECT_GE(number(moderate, "haemorrhages"), 1);
    EXPECT_LE(number(moderate, "haemorrhages"), 20);
    EXPECT_EQ(number(moderate, "irma") + number(moderate, "neovascularisation"), 0);
    const auto severe = imaging::make_fundus_phantom(eye(seed, 3));
    EXPECT_GE(number(severe, "haemorrhages"), 16);
    EXPECT_EQ(number(severe, "neovascularisation") + number(severe, "preretinal_haemorrhages"), 0);
    const auto proliferative = imaging::make_fundus_phantom(eye(seed, 4));
    EXPECT_GE(number(proliferative, "neovascularisation"), 14);
    EXPECT_LT(lesion_area(none), lesion_area(mild));
    EXPECT_LT(lesion_area(mild), lesion_area(moderate));
    EXPECT_LT(lesion_area(moderate), lesion_area(severe));
  }
}

TEST(FundusPhantomTest, GradeChangesNothingFarFromTheLesions) {
  const auto healthy = imaging::make_fundus_phantom(eye(5, 0, "clinic-d"));
  const auto ill = imaging::make_fundus_phantom(eye(5, 2, "clinic-d"));
  Image8 near(healthy.photograph.width(), healthy.photograph.height(), 1);
  constexpr std::int64_t kReach = 24;  // soft edges, blur and JPEG blocks
  for (const auto* name : kLesions) {
    const auto mask = ill.masks.find(name);
    if (mask == ill.masks.end()) continue;
    for (std::int64_t y = 0; y < near.height(); ++y) {
      for (std::int64_t x = 0; x < near.width(); ++x) {
        if (*mask->second.pixel(x, y) == 0) continue;
        for (auto v = std::max<std::int64_t>(0, y - kReach); v <= std::min(near.height() - 1, y + kReach);
             ++v)
          for (auto u = std::max<std::int64_t>(0, x - kReach); u <= std::min(near.width() - 1, x + kReach);
               ++u)
            *near.pixel(u, v) = 1;
      }
    }
  }
  int worst = 0;
  for (std::int64_t y = 0; y < near.height(); ++y) {
    for (std::int64_t x = 0; x < near.width(); ++x) {
      if (*near.pixel(x, y) == 0)
        worst = std::max(worst, std::abs(healthy.photograph.pixel(x, y)[1] - ill.photograph.pixel(x, y)[1]));
    }
  }
  EXPECT_LE(worst, 2);
}

TEST(FundusPhantomTest, SameOptionsSameBytesAndLeftEyeMirrored) {
  const auto right = imaging::make_fundus_phantom(eye(9, 2));
  EXPECT_EQ(right.jpeg, imaging::make_fundus_phantom(eye(9, 2)).jpeg);
  auto options = eye(9, 2);
  options.laterality = "L";
  const auto left = imaging::make_fundus_phantom(options);
  EXPECT_GT(right.disc.x, right.fovea.x);
  EXPECT_LT(left.disc.x, left.fovea.x);
  EXPECT_NEAR(right.disc.y, left.disc.y, 1e-6);
}

TEST(FundusPhantomTest, VesselsLieOnDarkerGroundAndTheDiscOnBrighter) {
  const auto phantom = imaging::make_fundus_phantom(eye(3, 0, "clinic-c"));
  const auto mean_of = [&](const char* inside, const char* outside) {
    double sum = 0;
    double count = 0;
    for (std::int64_t y = 0; y < phantom.photograph.height(); ++y) {
      for (std::int64_t x = 0; x < phantom.photograph.width(); ++x) {
        if (*phantom.masks.at(inside).pixel(x, y) == 0 || *phantom.masks.at(outside).pixel(x, y) != 0)
          continue;
        sum += phantom.photograph.pixel(x, y)[1];
        ++count;
      }
    }
    return sum / count;
  };
  const double ground = mean_of("field_of_view", "vessels");
  EXPECT_LT(mean_of("vessels", "optic_disc"), 0.9 * ground);
  EXPECT_GT(mean_of("optic_disc", "vessels"), 1.4 * ground);
  EXPECT_LT(area(phantom, "optic_cup"), 0.6 * area(phantom, "optic_disc"));
}

TEST(FundusPhantomTest, WritesPhotographAndTruth) {
  const support::TemporaryFolder folder;
  imaging::write_fundus_phantom(folder / "demo.png", eye(4, 3));
  const auto phantom = imaging::make_fundus_phantom(eye(4, 3));
  EXPECT_EQ(imaging::decode_image(imaging::read_file(folder / "demo.png")), phantom.photograph);
  const auto json = nlohmann::json::parse(imaging::read_file(folder / "demo.json"));
  EXPECT_EQ(json.at("grade"), 3);
  EXPECT_EQ(json.at("laterality"), "R");
  EXPECT_TRUE(json.at("synthetic"));
  for (const auto& [name, mask] : phantom.masks) {
    const auto written =
        imaging::decode_image(imaging::read_file(folder.path() / "demo-truth" / (name + ".png")));
    EXPECT_EQ(written.width(), mask.width()) << name;
  }
  EXPECT_THAT([&] { imaging::write_fundus_phantom(folder / "demo.bmp", eye(4, 3)); },
              testing::Throws<imaging::Error>(support::HasCode(imaging::ErrorCode::invalid_argument)));
}

TEST(FundusPhantomTest, HalfOfTheDomainsAreUnseen) {
  std::int64_t training = 0;
  for (const auto& domain : imaging::fundus_domains()) training += domain.for_training ? 1 : 0;
  EXPECT_GE(imaging::fundus_domains().size(), 6U);
  EXPECT_EQ(2 * training, std::ssize(imaging::fundus_domains()));
}

double score_of(const FundusPhantomOptions& options) {
  const auto phantom = imaging::make_fundus_phantom(options);
  return imaging::assess_quality(phantom.photograph, imaging::find_field_of_view(phantom.photograph)).score;
}

TEST(FundusQualityTest, FallsWithEveryFault) {
  for (double FundusPhantomOptions::*fault : {&FundusPhantomOptions::blur, &FundusPhantomOptions::darkness,
                                              &FundusPhantomOptions::haze, &FundusPhantomOptions::partial}) {
    auto options = eye(3, 1);
    double before = score_of(options);
    EXPECT_GT(before, 0.9);
    for (const double strength : {0.3, 0.6, 0.9}) {
      options.*fault = fault == &FundusPhantomOptions::partial ? 0.5 * strength : strength;
      const double now = score_of(options);
      EXPECT_LE(now, before + 0.005) << strength;
      before = now;
    }
    EXPECT_LT(before, 0.9);
  }
}

TEST(FundusQualityTest, NamesWhatIsWrong) {
  auto options = eye(3, 0);
  options.blur = 1;
  const auto phantom = imaging::make_fundus_phantom(options);
  const auto quality =
      imaging::assess_quality(phantom.photograph, imaging::find_field_of_view(phantom.photograph));
  EXPECT_EQ(quality.verdict, "ungradable");
  ASSERT_FALSE(quality.reasons.empty());
  EXPECT_LT(quality.sharpness, 0.1);
  EXPECT_GT(quality.coverage, 0.9);
}

TEST(FundusQualityTest, LesionsAloneCostLittle) {
  EXPECT_NEAR(score_of(eye(6, 0)), score_of(eye(6, 3)), 0.1);
}

/// Spread (deviation over mean) of the light: means over squares of 32 pixels that lie in the mask.
double spread_of_light(const Image8& image, const Image8& mask) {
  std::vector<double> means;
  for (std::int64_t top = 0; top + 32 <= image.height(); top += 32) {
    for (std::int64_t left = 0; left + 32 <= image.width(); left += 32) {
      double sum = 0;
      std::int64_t inside = 0;
      for (std::int64_t y = top; y < top + 32; ++y) {
        for (std::int64_t x = left; x < left + 32; ++x) {
          sum += image.pixel(x, y)[1];
          inside += *mask.pixel(x, y) == 255 ? 1 : 0;
        }
      }
      if (inside == 32 * 32) means.push_back(sum / (32 * 32));
    }
  }
  const double mean = std::accumulate(means.begin(), means.end(), 0.0) / static_cast<double>(means.size());
  double square = 0;
  for (const double value : means) square += (value - mean) * (value - mean);
  return std::sqrt(square / static_cast<double>(means.size())) / mean;
}

TEST(IlluminationTest, RemovesThreeQuartersOfAKnownShadingWithoutADarkRim) {
  const auto phantom = imaging::make_fundus_phantom(eye(3, 1, "clinic-b"));
  const auto crop =
      imaging::crop_to_field(phantom.photograph, imaging::find_field_of_view(phantom.photograph), 512);
  const auto clean = imaging::correct_illumination(crop.image, crop.mask);
  auto shaded = crop.image;
  for (std::int64_t y = 0; y < 512; ++y) {
    for (std::int64_t x = 0; x < 512; ++x) {
      const double off = std::hypot(static_cast<double>(x) - 180, static_cast<double>(y) - 220) / 256;
      for (int c = 0; c < 3; ++c)
        shaded.pixel(x, y)[c] =
            static_cast<std::uint8_t>(shaded.pixel(x, y)[c] * std::exp(-0.45 * off * off));
    }
  }
  const auto corrected = imaging::correct_illumination(shaded, crop.mask);
  const double floor = spread_of_light(clean, crop.mask);  // disc, macula and lesions: no shading
  const double before = spread_of_light(shaded, crop.mask);
  const double after = spread_of_light(corrected, crop.mask);
  EXPECT_LT(after - floor, 0.25 * (before - floor)) << before << " to " << after << ", floor " << floor;

  double rim = 0;
  double rim_count = 0;
  double inner = 0;
  double inner_count = 0;
  for (std::int64_t y = 0; y < 512; ++y) {
    for (std::int64_t x = 0; x < 512; ++x) {
      const double out = std::hypot(static_cast<double>(x) - 255.5, static_cast<double>(y) - 255.5) / 256;
      if (*crop.mask.pixel(x, y) != 255) continue;
      if (out > 0.95 && out < 0.98) rim += corrected.pixel(x, y)[1], ++rim_count;
      if (out > 0.7 && out < 0.9) inner += corrected.pixel(x, y)[1], ++inner_count;
    }
  }
  EXPECT_GT(rim / rim_count, 0.88 * inner / inner_count);
}

TEST(IlluminationTest, RefusesWhatDoesNotFit) {
  const auto refuses = [](const Image8& picture, const Image8& mask, imaging::ErrorCode code) {
    EXPECT_THAT([&] { (void)imaging::correct_illumination(picture, mask); },
                testing::Throws<imaging::Error>(support::HasCode(code)));
  };
  refuses(Image8(8, 8, 3), Image8(8, 9, 1), imaging::ErrorCode::invalid_argument);
  refuses(Image8(8, 8, 3), Image8(8, 8, 1), imaging::ErrorCode::insufficient_data);
}

}  // namespace
