#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "imaging/base/files.h"
#include "imaging/fundus/field_of_view.h"
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

}  // namespace
