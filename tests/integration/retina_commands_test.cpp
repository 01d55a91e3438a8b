#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "imaging/base/csv.h"
#include "imaging/base/files.h"
#include "imaging/base/random.h"
#include "imaging/raster/png.h"
#include "models/retina/retina_grader.h"
#include "tests/integration/command_fixture.h"

namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using support::run_tessera;
using testing::HasSubstr;
using testing::Not;

/// A round field of retina colours with two bright spots a grade.
imaging::Image8 paint_photograph(int number, int grade, int camera) {
  constexpr std::int64_t kWidth = 200, kHeight = 180;
  constexpr double kRadius = 80;
  imaging::Random random(3, static_cast<std::uint64_t>(number));
  std::vector<std::pair<double, double>> spots;
  for (int i = 0; i < 2 * grade; ++i) spots.emplace_back(random.uniform(50, 150), random.uniform(40, 140));
  imaging::Image8 picture(kWidth, kHeight, 3);
  for (std::int64_t y = 0; y < kHeight; ++y) {
    for (std::int64_t x = 0; x < kWidth; ++x) {
      const auto at = [&](double column, double row) {
        return std::hypot(static_cast<double>(x) - column, static_cast<double>(y) - row);
      };
      if (at(kWidth / 2.0, kHeight / 2.0) > kRadius) continue;
      auto* pixel = picture.pixel(x, y);
      pixel[0] = static_cast<std::uint8_t>(150 + 15 * camera + random.index(12));
      pixel[1] = static_cast<std::uint8_t>(75 + 8 * camera + random.index(12));
      pixel[2] = static_cast<std::uint8_t>(30 + random.index(12));
      for (const auto& [column, row] : spots) {
        if (at(column, row) < 6) pixel[1] = 220;
      }
    }
  }
  return picture;
}

/// Forty-five small photographs of three clinics, with GDRBench's lists; painted once.
const fs::path& cohort() {
  static const support::TemporaryFolder folder;
  static const fs::path path = [] {
    auto made = folder / "cohort";
    int number = 0;
    for (int camera = 0; camera < 3; ++camera) {
      const std::string clinic = std::string("clinic-") + static_cast<char>('a' + camera);
      std::string lists[2];
      for (int i = 0; i < 15; ++i) {
        const int grade = i % 5;
        const auto name = fmt::format("images/fundus_{:04}.png", ++number);
        imaging::write_png(made / name, paint_photograph(number, grade, camera));
        lists[i < 10 ? 0 : 1] += fmt::format("{} {}\n", name, grade);
      }
      imaging::write_file(made / "splits" / (clinic + "_train.txt"), lists[0]);
      imaging::write_file(made / "splits" / (clinic + "_crossval.txt"), lists[1]);
    }
    return made;
  }();
  return path;
}

constexpr const char* kTiny =
    "--architecture resnet18 --width 8 --blocks 1 --crop 64 --input 64 --batch 8 --learning-rate 0.02 "
    "--isolate never --threads 1 --workers 1 --epochs";
const std::string kSmall = fmt::format("{} 2", kTiny);

json read_json(const fs::path& path) {
  return json::parse(imaging::read_file(path));
}

class RetinaTrainCommand : public testing::Test {
 protected:
  [[nodiscard]] fs::path out(const std::string& name = "run") const { return folder_ / name; }
  [[nodiscard]] support::CommandOutput train(const std::string& more = "") const {
    return run_tessera(
        fmt::format("retina train '{}' --out '{}' {} {}", cohort().string(), out().string(), kSmall, more));
  }
  support::TemporaryFolder folder_;
};

TEST_F(RetinaTrainCommand, WritesAPackageThatGradesAndIsNotTrainedTwice) {
  const auto first = train("--method deco --half");
  ASSERT_EQ(first.exit_code, 0) << first.err;
  const auto metrics = read_json(out() / "metrics.json");
  EXPECT_EQ(metrics["sources"].size(), 3U);
  EXPECT_GT(metrics["validation"]["cases"].get<int>(), 0);
  const auto grader = models::open_retina_grader(models::ModelPackage::open(out() / "model"), "cpu");
  EXPECT_EQ(grader->crop_size(), 64);
  EXPECT_THAT(imaging::read_file(out() / "model/README.md"), HasSubstr("DECO-style"));
  EXPECT_THAT(imaging::read_file(out() / "model/README.md"), HasSubstr("not a medical device"));
  EXPECT_THAT(train("--method deco --half").out, HasSubstr("finished before"));
  const auto other = train("--method erm");
  EXPECT_EQ(other.exit_code, 2) << other.err;
  EXPECT_THAT(other.err, HasSubstr("holds another run"));

  const auto evaluated =
      run_tessera(fmt::format("retina evaluate '{}' --model '{}' --out '{}' --threads 1 --isolate never",
                              cohort().string(), (out() / "model").string(), out("site").string()));
  ASSERT_EQ(evaluated.exit_code, 0) << evaluated.err;
  EXPECT_THAT(imaging::read_file(out("site") / "table.md"), HasSubstr("clinic-b"));
  EXPECT_EQ(imaging::read_csv_with_header(out("site") / "predictions.csv").rows.size(), 45U);
}

TEST_F(RetinaTrainCommand, LeavesOneDomainOutAndSaysWhatIsNotAvailable) {
  const auto table = [&] {
    return run_tessera(
        fmt::format("retina evaluate '{}' --protocol dg --methods erm --methods gdrnet --domains clinic-a "
                    "--domains clinic-b "
                    "--out '{}' {}",
                    cohort().string(), out("dg").string(), kSmall));
  };
  const auto output = table();
  ASSERT_EQ(output.exit_code, 0) << output.err;
  const auto rows = imaging::read_csv_with_header(out("dg") / "table.csv").rows;
  ASSERT_EQ(rows.size(), 6U) << "two methods, two targets and their mean";
  EXPECT_EQ(rows[2][1], "mean");
  EXPECT_EQ(read_json(out("dg") / "metrics.json")["runs"].size(), 4U);
  const auto before = support::listing(out("dg") / "runs");
  EXPECT_EQ(table().exit_code, 0);
  EXPECT_EQ(support::listing(out("dg") / "runs"), before) << "resumed: nothing trained again";

  // A site without grade 4.
  const auto site = folder_ / "site";
  fs::create_directories(site / "splits");
  fs::create_directory_symlink(cohort() / "images", site / "images");
  std::string list;
  std::ifstream all(cohort() / "splits/clinic-c_train.txt");
  for (std::string line; std::getline(all, line);) {
    if (line.back() != '4') list += line + "\n";
  }
  imaging::write_file(site / "splits/clinic-c_train.txt", list);
  const auto model = out("dg") / "runs/erm/clinic-a-0/model";
  const auto evaluated =
      run_tessera(fmt::format("retina evaluate '{}' --model '{}' --out '{}' --isolate never", site.string(),
                              model.string(), out("site").string()));
  ASSERT_EQ(evaluated.exit_code, 0) << evaluated.err;
  EXPECT_THAT(evaluated.out, HasSubstr("not available"));
  EXPECT_TRUE(read_json(out("site") / "metrics.json")["runs"][0]["test"]["auc"].is_null());
}

TEST_F(RetinaTrainCommand, GoesOnPastBadPhotographsAndNamesThem) {
  const auto site = folder_ / "site";
  fs::create_directories(site / "splits");
  fs::create_directories(site / "images");
  fs::copy(cohort() / "images", site / "images");
  imaging::write_png(site / "images/page.png", imaging::Image8(300, 200, 3, 255));
  imaging::write_png(site / "images/black.png", imaging::Image8(300, 300, 3, 0));
  imaging::write_file(site / "images/broken.png",
                      imaging::read_file(cohort() / "images/fundus_0001.png").substr(0, 200));
  auto list = imaging::read_file(cohort() / "splits/clinic-a_train.txt");
  list +=
      "images/page.png 0\nimages/black.png 1\nimages/broken.png 2\nimages/gone.png 1\nimages/fundus_0002.png "
      "7\n";
  imaging::write_file(site / "splits/clinic-a_train.txt", list);
  const auto output =
      run_tessera(fmt::format("retina train '{}' --out '{}' {}", site.string(), out().string(), kSmall));
  EXPECT_EQ(output.exit_code, 4) << output.err;
  for (const char* name :
       {"page.png", "black.png", "broken.png", "gone.png is left out: The file is not there",
        "fundus_0002.png is left out: clinic-a_train.txt, line 15: the label '7'"})
    EXPECT_THAT(output.err, HasSubstr(name));
  EXPECT_THAT(output.err, Not(HasSubstr(folder_.path().string()))) << "no absolute path";

  imaging::write_file(site / "splits/empty_train.txt", "images/gone.png 1\n");
  const auto empty = run_tessera(
      fmt::format("retina train '{}' --out '{}' {}", site.string(), out("other").string(), kSmall));
  EXPECT_EQ(empty.exit_code, 3);
  EXPECT_THAT(empty.err, HasSubstr("The domain empty has no usable photograph"));
}

TEST_F(RetinaTrainCommand, FrozenFeaturesTakeTheDiscriminantAndAreKept) {
  const auto output = run_tessera(fmt::format(
      "retina evaluate '{}' --protocol crossval --folds 2 --freeze --split 4 --views 2 --head-start "
      "discriminant "
      "--feature-cache '{}' --out '{}' {} ",
      cohort().string(), (folder_ / "features.safetensors").string(), out("cv").string(), kSmall));
  ASSERT_EQ(output.exit_code, 0) << output.err;
  EXPECT_TRUE(fs::exists(folder_ / "features.safetensors"));
  EXPECT_EQ(read_json(out("cv") / "metrics.json")["runs"][0]["test"]["cases"].get<int>(), 15);
}

TEST_F(RetinaTrainCommand, LearnsLesionsFromMasksAndNeverTestsOnThem) {
  for (int number = 1; number <= 5; ++number) {
    const auto picture = paint_photograph(number, (number - 1) % 5, 0);
    imaging::Image8 mask(2 * picture.width(), 2 * picture.height(), 1);  // masks may be of another size
    for (std::int64_t y = 0; y < mask.height(); ++y) {
      for (std::int64_t x = 0; x < mask.width(); ++x)
        *mask.pixel(x, y) = picture.pixel(x / 2, y / 2)[1] == 220 ? 255 : 0;
    }
    imaging::write_png(folder_ / "masks/hard_exudates" / fmt::format("fundus_{:04}.png", number), mask);
  }
  const auto command = [&](const std::string& more) {
    return run_tessera(fmt::format(
        "{} '{}' --pool lesions --freeze --split 4 --views 1 --head-start discriminant --crossval-share 0 "
        "--lesions '{}' {} 0",
        more, cohort().string(), (folder_ / "masks").string(), kTiny));
  };
  const auto output =
      command(fmt::format("retina evaluate --protocol crossval --folds 2 --out '{}'", out("cv").string()));
  ASSERT_EQ(output.exit_code, 0) << output.err;
  EXPECT_EQ(read_json(out("cv") / "metrics.json")["runs"][0]["test"]["cases"].get<int>(), 10);

  const auto trained = command(fmt::format("retina train --out '{}'", out().string()));
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  const auto scored = run_tessera(fmt::format(
      "retina evaluate '{}' --model '{}' --lesions '{}' --out '{}' --isolate never", cohort().string(),
      (out() / "model").string(), (folder_ / "masks").string(), out("evidence").string()));
  ASSERT_EQ(scored.exit_code, 0) << scored.err;
  EXPECT_EQ(read_json(out("evidence") / "metrics.json")["evidence"]["photographs"].get<int>(), 4)
      << "of grade 0 there is a mask, and no lesion on it";
}

}  // namespace
