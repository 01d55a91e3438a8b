#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "imaging/base/files.h"
#include "imaging/raster/png.h"
#include "imaging/slide/volume.h"
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

TEST_F(SegmentLearnCommands, VolumesAreTrainedOnAndAdaptedToSliceBySlice) {
  const imaging::VolumeGeometry geometry{.size = {24, 20, 4}, .spacing_mm = {1, 1, 2}};
  for (int v = 0; v < 3; ++v) {
    std::vector<std::uint8_t> image(static_cast<std::size_t>(geometry.voxels())), mask(image.size()), other;
    for (std::size_t i = 0; i < image.size(); ++i) {
      const int x = static_cast<int>(i % 24), y = static_cast<int>(i / 24 % 20),
                z = static_cast<int>(i / 480);
      const bool is_inside = z > 0 && std::abs(x - 8 - 3 * v) < 5 && std::abs(y - 9) < 5;
      mask[i] = is_inside ? 1 : 0;
      // The first slice holds nothing.
      image[i] = static_cast<std::uint8_t>(z == 0 ? 0 : 40 + (x * 7 + y * 5) % 9 + (is_inside ? 120 : 0));
      other.push_back(static_cast<std::uint8_t>(z == 0 ? 0 : 255 - image[i] / 2));
    }
    imaging::write_label_volume(folder_ / fmt::format("volumes/images/v{}.nii.gz", v), geometry, image);
    imaging::write_label_volume(folder_ / fmt::format("volumes/masks/v{}.nii.gz", v), geometry, mask);
    imaging::write_label_volume(folder_ / fmt::format("other/w{}.mha", v), geometry, other);
  }
  const auto train = [&](const std::string& more) {
    return run_tessera(fmt::format(
        "segment train --data {} --classes lesion --widths 4,8 --working-size 0 --epochs 40 --batch 3 "
        "--learning-rate 0.01 --threads 1 --out {} {}",
        path("volumes"), path("run"), more));
  };
  EXPECT_THAT(train("--crop-to-field").err, HasSubstr("no field of view"));
  const auto trained = train("");
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  const auto metrics = nlohmann::json::parse(imaging::read_file(folder_ / "run/metrics.json"));
  EXPECT_EQ(metrics["train_pictures"], 6) << "slices with something in them, of two volumes";
  EXPECT_EQ(metrics["validation_pictures"], 3) << "of the third";
  const auto manifest = nlohmann::json::parse(imaging::read_file(folder_ / "run/model/manifest.json"));
  EXPECT_EQ(manifest["input"]["channels"], 1);
  EXPECT_EQ(manifest["input"]["intensity"], "zscore");
  const auto scores =
      run_tessera(fmt::format("segment evaluate --data {} --classes lesion --model {} --threads 1 --out {}",
                              path("volumes"), path("run/model"), path("scores")));
  ASSERT_EQ(scores.exit_code, 0) << scores.err;
  EXPECT_GT(nlohmann::json::parse(
                imaging::read_file(folder_ / "scores/metrics.json"))["regions"]["lesion"]["dice"]["mean"],
            0.8);

  imaging::write_file(folder_ / "other/broken.mha", "ObjectType = Image\nNDims = 3\nDimSize = 24 20 4\n");
  const auto adapted = run_tessera(
      fmt::format("segment adapt {} --model {} --adapt bn --batch 3 --threads 1 --guard warn --out {}",
                  path("other"), path("run/model"), path("adapted")));
  ASSERT_EQ(adapted.exit_code, 0) << adapted.err;
  EXPECT_THAT(adapted.err, HasSubstr("broken.mha"));
  const auto record = nlohmann::json::parse(imaging::read_file(folder_ / "adapted/adaptation.json"));
  EXPECT_EQ(record["target"]["pictures"], 9);
  EXPECT_TRUE(fs::exists(folder_ / "adapted/before_after.png"));
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
  EXPECT_FALSE(fs::exists(folder_ / "one-out"));
}

}  // namespace
