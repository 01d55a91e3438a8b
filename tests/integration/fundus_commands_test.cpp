#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "imaging/base/csv.h"
#include "imaging/base/files.h"
#include "imaging/phantom/fundus_cohort.h"
#include "imaging/raster/png.h"
#include "tests/integration/command_fixture.h"

namespace {

namespace fs = std::filesystem;
using support::run_tessera;

class RetinaPrepareCommand : public testing::Test {
 protected:
  void SetUp() override {
    imaging::write_fundus_cohort(folder_ / "cohort", {.images = 4, .patients = 2, .domains = {"clinic-b"}},
                                 {});
    fs::create_directories(folder_ / "in");
    for (const auto& entry : fs::directory_iterator(folder_.path() / "cohort" / "images"))
      fs::copy_file(entry.path(), folder_.path() / "in" / entry.path().filename());
  }
  std::string prepare(const std::string& more = "") const {
    return "retina prepare " + (folder_ / "in").string() + " --size 128 --isolate never --out " +
           (folder_ / "out").string() + " " + more;
  }
  imaging::CsvWithHeader quality() const {
    return imaging::read_csv_with_header(folder_ / "out/quality.csv");
  }
  std::string cell(std::size_t row, const std::string& column) const {
    const auto table = quality();
    return table.rows.at(row).at(table.find_column(column).value());
  }
  support::TemporaryFolder folder_;
};

TEST_F(RetinaPrepareCommand, WritesPicturesMasksAndARowPerInput) {
  const auto output = run_tessera(prepare("--correct-illumination"));
  ASSERT_EQ(output.exit_code, 0) << output.err;
  ASSERT_EQ(quality().rows.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NE(cell(i, "status"), "failed");
    EXPECT_NE(cell(i, "verdict"), "");
    EXPECT_EQ(cell(i, "laterality"), "") << "never guessed";
    for (const auto* part : {"images", "masks"}) {
      const auto picture = imaging::decode_image(
          imaging::read_file(folder_.path() / "out" / part / (cell(i, "case") + ".png")));
      EXPECT_EQ(picture.width(), 128);
    }
  }
  EXPECT_THAT(run_tessera(prepare("--correct-illumination")).out, testing::HasSubstr("(4 before)"));
  EXPECT_THAT(run_tessera(prepare()).out, testing::HasSubstr("(0 before)"));
}

TEST_F(RetinaPrepareCommand, SurvivesBadFilesAndNamesThem) {
  imaging::write_file(folder_ / "in/empty.png", "");
  imaging::write_png(folder_ / "in/page.png", imaging::Image8(300, 200, 3, 255));
  const auto output = run_tessera(prepare());
  EXPECT_EQ(output.exit_code, 4) << output.err;
  const auto table = quality();
  ASSERT_EQ(table.rows.size(), 6U);
  EXPECT_EQ(cell(0, "status"), "failed");
  EXPECT_EQ(cell(5, "reason_code"), "insufficient_data");
  EXPECT_EQ(cell(5, "reason").find(folder_.path().string()), std::string::npos) << "no absolute path";
  EXPECT_FALSE(fs::exists(folder_.path() / "out" / "images" / "page.png"));
  const auto manifest = nlohmann::json::parse(imaging::read_file(folder_ / "out/run.json"));
  EXPECT_EQ(manifest.at("inputs").size(), 6U);
}

TEST_F(RetinaPrepareCommand, TakesTheEyeFromTheTable) {
  const auto table = (folder_ / "facts.csv").string();
  imaging::write_file(
      table,
      "file,laterality,patient\nfundus_0001.jpg,OD,p1\nfundus_0002.jpg,left,p2\nfundus_0003.jpg,up,p3\n");
  const auto output = run_tessera(prepare("--table " + table));
  EXPECT_EQ(output.exit_code, 4) << output.out;
  EXPECT_EQ(cell(0, "laterality"), "R");
  EXPECT_EQ(cell(1, "laterality"), "L");
  EXPECT_EQ(cell(1, "patient"), "p2");
  EXPECT_EQ(cell(2, "reason_code"), "invalid_argument");
  EXPECT_EQ(cell(3, "laterality"), "");
}

TEST_F(RetinaPrepareCommand, AKilledRunForgetsOnlyThePhotographItWasAt) {
  const auto journal = (folder_ / "out/.run.journal").string();
  const auto program = (support::bin_folder() / "tessera").string();
  (void)support::run_command("sh -c '" + program + " " + prepare() + " & p=$!; until [ -s " + journal +
                             " ] || ! kill -0 $p; do sleep 0.01; done; kill -KILL $p; wait $p'");
  const auto lines = fs::exists(journal) ? imaging::read_file(journal) : "";
  const auto done = nlohmann::json::parse(imaging::read_file(folder_ / "out/run.json")).at("inputs").size() +
                    static_cast<std::size_t>(std::count(lines.begin(), lines.end(), '\n'));
  ASSERT_GE(done, 1U);
  imaging::write_file(journal, lines + "{\"case\": \"fundus_00");  // killed while it wrote
  const auto output = run_tessera(prepare());
  EXPECT_EQ(output.exit_code, 0) << output.err;
  EXPECT_THAT(output.out, testing::HasSubstr(fmt::format("({} before)", done)));
  EXPECT_EQ(quality().rows.size(), 4U);
  EXPECT_FALSE(fs::exists(journal));
}

TEST(PhantomFundusCommandTest, WritesAPhotographWithItsTruth) {
  const support::TemporaryFolder folder;
  const auto output = run_tessera("phantom fundus --grade 2 --domain clinic-b --seed 5 --out " +
                                  (folder / "eye.png").string());
  ASSERT_EQ(output.exit_code, 0) << output.err;
  EXPECT_TRUE(fs::exists(folder / "eye.json"));
  EXPECT_TRUE(fs::exists(folder.path() / "eye-truth" / "vessels.png"));
  EXPECT_EQ(run_tessera("phantom fundus --grade 7 --out " + (folder / "eye.png").string()).exit_code, 2);
}

}  // namespace
