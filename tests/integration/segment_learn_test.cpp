#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "imaging/base/files.h"
#include "imaging/raster/png.h"
#include "tests/integration/command_fixture.h"

namespace {

namespace fs = std::filesystem;
using support::run_tessera;
using testing::HasSubstr;

/// Bright discs on a dark ground with masks of them; and the same places through another camera, without
/// masks.
class SegmentLearnCommands : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"data/images", "data/masks", "target"}) fs::create_directories(folder_ / name);
    for (int i = 0; i < 6; ++i) {
      imaging::Image8 picture(40, 40, 3, 50), other(40, 40, 3, 90), mask(40, 40, 1);
      for (int y = 0; y < 40; ++y) {
        for (int x = 0; x < 40; ++x) {
          const bool is_inside = (x - 12 - 3 * i) * (x - 12 - 3 * i) + (y - 20) * (y - 20) < 60;
          *mask.pixel(x, y) = is_inside ? 255 : 0;
          for (int c = 0; c < 3; ++c) {
            const int texture = (x * 7 + y * 5 + c) % 9;
            picture.pixel(x, y)[c] = static_cast<std::uint8_t>(50 + texture + (is_inside ? 120 : 0));
            other.pixel(x, y)[c] = static_cast<std::uint8_t>(90 + texture + (is_inside ? 70 : 0));
          }
        }
      }
      imaging::write_png(folder_ / fmt::format("data/images/p{}.png", i), picture);
      imaging::write_png(folder_ / fmt::format("data/masks/p{}.png", i), mask);
      imaging::write_png(folder_ / fmt::format("target/q{}.png", i), other);
    }
  }
  [[nodiscard]] std::string path(const std::string& name) const { return (folder_ / name).string(); }
  [[nodiscard]] std::string train(const std::string& more = "") const {
    return fmt::format(
        "segment train --data {} --classes disc=masks --widths 4,6 --working-size 0 --epochs 6 "
        "--threads 1 --out {} {}",
        path("data"), path("run"), more);
  }
  [[nodiscard]] std::string adapt(const std::string& out, const std::string& more) const {
    return fmt::format("segment adapt {} --model {} --steps 4 --batch 3 --threads 1 --guard warn --out {} {}",
                       path("target"), path("run/model"), path(out), more);
  }
  support::TemporaryFolder folder_;
};

TEST_F(SegmentLearnCommands, TrainsAdaptsAndGoesOnWhereItWas) {
  const auto trained = run_tessera(train());
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  for (const char* file : {"run/model/manifest.json", "run/metrics.json", "run/curves.csv", "run/curves.svg"})
    EXPECT_TRUE(fs::exists(folder_ / file)) << file;
  EXPECT_FALSE(fs::exists(folder_ / "run/checkpoint"));
  EXPECT_THAT(run_tessera(train()).out, HasSubstr("finished before"));
  EXPECT_EQ(run_tessera(train("--epochs 7")).exit_code, 2) << "another run in the folder";

  for (const char* method : {"bn", "unmix-tns", "osuda"}) {
    const auto out = std::string("adapted-") + method;
    const auto adapted = run_tessera(adapt(out, std::string("--adapt ") + method));
    ASSERT_EQ(adapted.exit_code, 0) << adapted.err;
    for (const char* file : {"model/manifest.json", "adaptation.json", "before_after.png", "log.csv"})
      EXPECT_TRUE(fs::exists(folder_ / (out + "/" + file))) << out << "/" << file;
    const auto record = nlohmann::json::parse(imaging::read_file(folder_ / (out + "/adaptation.json")));
    EXPECT_EQ(record["target"]["pictures"], 6);
    EXPECT_EQ(record["is_rolled_back"], false);
    EXPECT_THAT(run_tessera(adapt(out, std::string("--adapt ") + method)).out, HasSubstr("finished before"));
    const auto used =
        run_tessera(fmt::format("segment predict {} --model {} --no-report --threads 1 --out {}",
                                path("target/q0.png"), path(out + "/model"), path(out + "-masks")));
    EXPECT_EQ(used.exit_code, 0) << used.err;
  }
}

TEST_F(SegmentLearnCommands, AdaptsEachSiteFromTheSource) {
  ASSERT_EQ(run_tessera(train()).exit_code, 0);
  imaging::write_file(folder_ / "sites.csv",
                      "file,site\nq0.png,a\nq1.png,a\nq2.png,a\nq3.png,b\nq4.png,b\nq5.png,b\n");
  const auto both = run_tessera(adapt("sites", "--adapt bn --per-site --table " + path("sites.csv")));
  ASSERT_EQ(both.exit_code, 0) << both.err;
  const auto parent = [&](const std::string& site) {
    return nlohmann::json::parse(
        imaging::read_file(folder_ / ("sites/" + site + "/adaptation.json")))["parent"]["sha256"];
  };
  EXPECT_EQ(parent("a"), parent("b"));
}

TEST_F(SegmentLearnCommands, SaysWhatCannotBeUsed) {
  ASSERT_EQ(run_tessera(train()).exit_code, 0);
  imaging::write_file(folder_ / "target/q6.png", "no picture");
  const auto adapted = run_tessera(adapt("out", "--adapt bn"));
  EXPECT_EQ(adapted.exit_code, 0) << adapted.err;
  EXPECT_THAT(adapted.err, HasSubstr("q6.png"));

  fs::create_directories(folder_ / "one");
  fs::copy_file(folder_ / "target/q0.png", folder_ / "one/q0.png");
  const auto one = run_tessera(fmt::format("segment adapt {} --model {} --adapt bn --out {}", path("one"),
                                           path("run/model"), path("one-out")));
  EXPECT_EQ(one.exit_code, 3);
  EXPECT_THAT(one.err, HasSubstr("alpha-bn and unmix-tns take a single one"));
  EXPECT_FALSE(fs::exists(folder_ / "one-out/model"));
}

}  // namespace
