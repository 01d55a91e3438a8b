#include <fmt/format.h>

#include <cmath>
#include <map>

#include "imaging/phantom/slide_phantom.h"
#include "imaging/raster/png.h"
#include "mil/bags/bag_store.h"
#include "models/runtime/model_package.h"
#include "tests/integration/command_fixture.h"

namespace {

namespace fs = std::filesystem;
using support::run_tessera;

/// The same small tissue as two laboratories see it, and the picture of the first as a target.
class StainCommands : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_ / "in");
    for (const std::string domain : {"hospital-a", "hospital-c"}) {
      imaging::SlidePhantomOptions options;
      options.width = 1024;
      options.height = 768;
      options.mpp = 1.0;
      options.seed = 5;
      options.domain = domain;
      imaging::write_slide_phantom(folder_ / "in" / (domain + ".tiff"), options, imaging::JobContext{}, 1);
      if (domain == "hospital-a")
        imaging::write_png(target(), imaging::SlidePhantom(options).render(0, 0, {1024, 768}));
    }
  }

  [[nodiscard]] fs::path target() const { return folder_ / "target.png"; }

  [[nodiscard]] support::CommandOutput pack(const std::string& name, const std::string& extra) const {
    return run_tessera(fmt::format(
        "model pack {} --name tiny --patch-size 32 --mpp 1 --licence Apache-2.0 --out {} {}",
        (support::tiny_models().encoder / "model.safetensors").string(), (folder_ / name).string(), extra));
  }

  /// Mean feature vector of each slide.
  [[nodiscard]] std::map<std::string, std::vector<double>> mean_features(const std::string& package) const {
    const auto out = folder_ / (package + "-features");
    const auto run =
        run_tessera(fmt::format("encode {} --a-t 0 --seg-mpp 8 --encoder {} --out {}",
                                (folder_ / "in").string(), (folder_ / package).string(), out.string()));
    EXPECT_EQ(run.exit_code, 0) << run.err << run.out;
    std::map<std::string, std::vector<double>> means;
    for (const std::string name : {"hospital-a", "hospital-c"}) {
      const auto bag = mil::read_bag(out / "h5_files" / (name + ".h5"));
      auto& mean = means[name];
      mean.assign(static_cast<std::size_t>(bag.dim), 0);
      for (std::size_t i = 0; i < bag.features.size(); ++i)
        mean[i % mean.size()] += static_cast<double>(bag.features[i]) / static_cast<double>(bag.count);
    }
    return means;
  }

  support::TemporaryFolder folder_;
};

double distance(const std::vector<double>& a, const std::vector<double>& b) {
  double squares = 0;
  for (std::size_t i = 0; i < a.size(); ++i) squares += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(squares);
}

TEST_F(StainCommands, AnEncoderNormalisesAndFeaturesOfTwoLaboratoriesComeTogether) {
  ASSERT_EQ(pack("plain", "").exit_code, 0);
  for (const std::string method : {"macenko", "vahadane", "reinhard"}) {
    const auto packed =
        pack(method, fmt::format("--stain-method {} --stain-target {}", method, target().string()));
    ASSERT_EQ(packed.exit_code, 0) << packed.err;
  }
  const auto plain = mean_features("plain");
  const double before = distance(plain.at("hospital-a"), plain.at("hospital-c"));
  for (const std::string method : {"macenko", "vahadane", "reinhard"}) {
    const auto normalised = mean_features(method);
    // Measured: 2.8 times closer by macenko, 2.5 by vahadane, more than 3 by reinhard; optics stay different.
    EXPECT_LT(2 * distance(normalised.at("hospital-a"), normalised.at("hospital-c")), before) << method;

    const auto record =
        nlohmann::json::parse(imaging::read_file(folder_ / (method + "-features") / "encode.json"));
    EXPECT_EQ(record["stain_normalisation"]["method"], method);
    for (const auto& row : record["inputs"]) EXPECT_EQ(row["stain_normalisation"]["applied"], true) << row;
  }
}

TEST_F(StainCommands, ShowAndVerifyKnowTheStainAndADamagedOneIsRefused) {
  ASSERT_EQ(pack("encoder", "--stain-method macenko").exit_code, 0) << "the published target";
  const auto package = (folder_ / "encoder").string();
  EXPECT_THAT(run_tessera("model show " + package).out, testing::HasSubstr("stain normalised by macenko"));
  EXPECT_EQ(
      nlohmann::json::parse(run_tessera("model show --json " + package).out)["stain_normalisation"]["method"],
      "macenko");
  EXPECT_EQ(run_tessera("model verify " + package).exit_code, 0);

  imaging::write_file(folder_ / "facts.json", R"({"stain_normalisation": {"strength": [0, -1]}})");
  const auto sealed =
      run_tessera(fmt::format("model seal {} --facts {}", package, (folder_ / "facts.json").string()));
  EXPECT_EQ(sealed.exit_code, 3) << sealed.err;
  EXPECT_EQ(run_tessera("model verify " + package).exit_code, 0) << "as it was";

  auto manifest = models::ModelPackage::open(package).manifest();
  manifest["stain_normalisation"]["haematoxylin"] = {1, 1, 1};
  models::seal_package(package, manifest);
  const auto verified = run_tessera("model verify " + package);
  EXPECT_EQ(verified.exit_code, 3);
  EXPECT_THAT(verified.out, testing::HasSubstr("haematoxylin"));
}

TEST_F(StainCommands, RefusesATargetWithoutMethodAndAMethodWithoutTarget) {
  for (const std::string& options :
       {"--stain-target " + target().string(), std::string("--stain-method reinhard"),
        std::string("--stain-method sepia")}) {
    const auto packed = pack("never", options);
    EXPECT_EQ(packed.exit_code, 2) << options << packed.err;
    EXPECT_FALSE(fs::exists(folder_ / "never"));
  }
  imaging::write_png(folder_ / "glass.png", imaging::Image8(400, 300, 3, 244));
  const auto packed =
      pack("never", "--stain-method vahadane --stain-target " + (folder_ / "glass.png").string());
  EXPECT_EQ(packed.exit_code, 3);
  EXPECT_THAT(packed.err, testing::HasSubstr("glass.png"));
  EXPECT_FALSE(fs::exists(folder_ / "never"));
}

TEST_F(StainCommands, ASlideWithoutTheDyesIsLeftAsItIsAndSaysSo) {
  ASSERT_EQ(pack("encoder", "--stain-method macenko").exit_code, 0);
  imaging::Image8 green(400, 300, 3, 245);
  for (std::int64_t y = 50; y < 250; ++y) {
    for (std::int64_t x = 50; x < 350; ++x) {
      const std::array<std::uint8_t, 3> colour{static_cast<std::uint8_t>(60 + (x * y) % 40), 170, 90};
      std::copy_n(colour.data(), 3, green.pixel(x, y));
    }
  }
  imaging::write_png(folder_ / "green.png", green);
  const auto run = run_tessera(fmt::format(
      "encode {} --mpp 1 --a-t 0 --seg-mpp 4 --no-reject-pen --encoder {} --out {}",
      (folder_ / "green.png").string(), (folder_ / "encoder").string(), (folder_ / "out").string()));
  ASSERT_EQ(run.exit_code, 0) << run.err << run.out;
  const auto row = nlohmann::json::parse(imaging::read_file(folder_ / "out/encode.json"))["inputs"][0];
  EXPECT_EQ(row["stain_normalisation"]["applied"], false);
  EXPECT_THAT(row["reason"].get<std::string>(), testing::HasSubstr("stain was not normalised"));
}

TEST_F(StainCommands, TilePicturesLookLikeTheTarget) {
  const auto cut = [&](const std::string& out, const std::string& extra) {
    const auto run =
        run_tessera(fmt::format("tile {} --mpp 1 --tile-px 128 --a-t 0 --seg-mpp 8 --pictures --out {} {}",
                                (folder_ / "in").string(), (folder_ / out).string(), extra));
    EXPECT_EQ(run.exit_code, 0) << run.err;
    std::map<std::string, double> green;  // mean over all tiles of a slide
    for (const std::string name : {"hospital-a", "hospital-c"}) {
      std::int64_t count = 0;
      for (const auto& entry : fs::directory_iterator(folder_ / out / "tiles" / name)) {
        const auto tile = imaging::decode_image(imaging::read_file(entry.path()));
        EXPECT_EQ(tile.width(), 128);
        for (std::int64_t i = 0; i < 128 * 128; ++i, ++count) green[name] += tile.data()[3 * i + 1];
      }
      EXPECT_GT(count, 0);
      green[name] /= static_cast<double>(std::max<std::int64_t>(1, count));
    }
    return std::abs(green["hospital-a"] - green["hospital-c"]);
  };
  const double before = cut("plain", "");
  const double after = cut("normalised", "--stain-normalise vahadane --stain-target " + target().string());
  EXPECT_LT(3 * after, before);
}

}  // namespace
