// Reading in processes of its own, through the command line. The program stands beside the reading process of
// the tests, which misbehaves as told.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/imaging/read_faults.h"
#include "tests/integration/command_fixture.h"

namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// A folder of three pictures; the second is called bad.png.
class IsolationCommand : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_ / "in");
    fs::create_directories(folder_ / "bin");
    fs::copy(support::bin_folder() / "tessera", program_);
    fs::copy(support::bin_folder().parent_path() / "tests/faulty-read-worker",
             folder_ / "bin/tessera-read-worker");
    int seed = 0;
    for (const auto* name : {"a.png", "bad.png", "c.png"})
      support::paint_tissue_png(folder_ / "in" / name, {1280, 512}, {64, 64, 1152, 384}, ++seed);
  }
  [[nodiscard]] std::string tile(const std::string& input, const std::string& out,
                                 const std::string& extra = "") const {
    return fmt::format("{} tile {} --slide-mpp 1 --mpp 1 --tile-px 32 --a-t 0 --seg-mpp 4 --out {} {}",
                       program_.string(), (folder_ / input).string(), (folder_ / out).string(), extra);
  }
  [[nodiscard]] std::string analyze(const std::string& input, const std::string& out,
                                    const std::string& extra = "") const {
    return fmt::format(
        "{} analyze {} --mpp 1 --a-t 0 --seg-mpp 4 --no-report --model {} --encoder {} --out {} {}",
        program_.string(), (folder_ / input).string(), support::tiny_models().classifier.string(),
        support::tiny_models().encoder.string(), (folder_ / out).string(), extra);
  }
  [[nodiscard]] nlohmann::json json(const std::string& path) const {
    return nlohmann::json::parse(imaging::read_file(folder_ / path));
  }

  const support::TemporaryFolder folder_;
  const fs::path program_ = folder_ / "bin/tessera";
  const fs::path bad_ = folder_ / "in/bad.png";
};

TEST_F(IsolationCommand, IsOnForFoldersAndSeveralInputsAndChangesNoResult) {
  ASSERT_EQ(support::run_command(analyze("in", "auto")).exit_code, 0);
  ASSERT_EQ(support::run_command(analyze("in", "never", "--isolate never")).exit_code, 0);
  EXPECT_EQ(json("auto/run.json")["reading"], (nlohmann::json{{"isolated", true}, {"read_timeout", 30.0}}));
  EXPECT_EQ(json("never/run.json")["reading"], (nlohmann::json{{"isolated", false}}));
  for (const auto* name :
       {"cohort.csv", "cases/a/result.json", "cases/a/overlay.png", "cases/a/tiles.geojson",
        "cases/a/thumbnail.png", "cases/a/top_tiles/01.png", "cases/c/result.json"}) {
    EXPECT_EQ(imaging::read_file(folder_ / "auto" / name), imaging::read_file(folder_ / "never" / name))
        << name;
  }
  ASSERT_EQ(support::run_command(tile("in/a.png", "one")).exit_code, 0);
  EXPECT_EQ(json("one/tile.json")["reading"]["isolated"], false);
  ASSERT_EQ(support::run_command(tile("in/a.png", "always", "--isolate always")).exit_code, 0);
  EXPECT_EQ(json("always/tile.json")["reading"]["isolated"], true);
  ASSERT_EQ(support::run_command(tile("in/a.png " + (folder_ / "in/c.png").string(), "two")).exit_code, 0);
  EXPECT_EQ(json("two/tile.json")["reading"]["isolated"], true);
}

TEST_F(IsolationCommand, FailsOneInputThatHangsOrCrashesAtOpenAndGoesOn) {
  for (const auto& [kind, reason] : std::map<std::string, std::string>{
           {"hang", "bad.png: cannot be opened: timed out after 5 s."},
           {"11", "bad.png: cannot be opened: the decoder crashed with signal 11."}}) {
    support::plant_fault(bad_, {.kind = kind, .is_at_open = true});
    const auto output = support::run_command(analyze("in", kind, "--read-timeout 5"));
    EXPECT_EQ(output.exit_code, 4) << output.err;
    EXPECT_THAT(output.out, HasSubstr("failed: " + reason));
    const auto rows = json(kind + "/run.json")["inputs"];
    ASSERT_EQ(rows.size(), 3U);
    EXPECT_EQ(rows[0]["status"], "done");
    EXPECT_EQ(rows[1]["reason_code"], "corrupt_data");
    EXPECT_EQ(rows[1]["reason"], reason);
    EXPECT_EQ(rows[2]["status"], "done");
  }
}

TEST_F(IsolationCommand, InfoNamesTheFileThatCrashesTheDecoder) {
  support::plant_fault(bad_, {.kind = "11", .is_at_open = true});
  const auto output =
      support::run_command(fmt::format("{} info --json {}", program_.string(), (folder_ / "in").string()));
  EXPECT_EQ(output.exit_code, 4) << output.err;
  const auto entries = nlohmann::json::parse(output.out);
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0]["width"], 1280);
  EXPECT_EQ(entries[1]["error"]["code"], "corrupt_data");
  EXPECT_THAT(entries[1]["error"]["message"].get<std::string>(), HasSubstr("crashed with signal 11"));
}

TEST_F(IsolationCommand, LedgersTheTilesThatCrashTheDecoder) {
  support::plant_fault(bad_, {.kind = "11", .first_x = 512, .end_x = 544});
  const auto output = support::run_command(analyze("in", "out"));
  ASSERT_EQ(output.exit_code, 0) << output.out << output.err;
  const auto result = json("out/cases/bad/result.json");
  EXPECT_EQ(result["status"], "degraded");
  ASSERT_GE(result["corrupt_tiles"].size(), 10U);
  for (const auto& tile : result["corrupt_tiles"]) {
    EXPECT_EQ(tile["column"], 16);
    EXPECT_THAT(tile["reason"].get<std::string>(), HasSubstr("the decoder crashed with signal 11"));
    EXPECT_THAT(tile["reason"].get<std::string>(), testing::Not(HasSubstr(folder_.path().string())));
  }
}

TEST_F(IsolationCommand, FailsAFileThatChangesWhileItIsRead) {
  support::plant_fault(bad_, {.kind = "grow", .first_x = 512, .end_x = 544, .is_once = true});
  const auto output = support::run_command(analyze("in", "out"));
  EXPECT_EQ(output.exit_code, 4);
  const auto result = json("out/cases/bad/result.json");
  EXPECT_EQ(result["status"], "failed");
  EXPECT_EQ(result["reason_code"], "io_error");
  EXPECT_THAT(result["reason"].get<std::string>(),
              testing::StartsWith("bad.png: was changed while it was read"));
  EXPECT_FALSE(fs::exists(folder_ / "out/cases/bad/features.h5"));
}

TEST_F(IsolationCommand, LeavesNothingOfAFileThatChangesWhileItIsTiledOrEncoded) {
  const support::ReadFault grow{.kind = "grow", .first_x = -9999, .end_x = 9999, .is_once = true};
  support::plant_fault(bad_, grow);
  EXPECT_EQ(
      support::run_command(fmt::format("{} encode {} --isolate always --mpp 1 --a-t 0 --seg-mpp 4 "
                                       "--encoder {} --out {}",
                                       program_.string(), bad_.string(),
                                       support::tiny_models().encoder.string(), (folder_ / "bags").string()))
          .exit_code,
      3);
  EXPECT_FALSE(fs::exists(folder_ / "bags/h5_files/bad.h5"));
  EXPECT_EQ(json("bags/encode.json")["inputs"][0]["reason_code"], "io_error");
  EXPECT_EQ(json("bags/encode.json")["reading"]["isolated"], true);

  support::plant_fault(bad_, grow);
  EXPECT_EQ(support::run_command(tile("in/bad.png", "tiles", "--isolate always")).exit_code, 3);
  EXPECT_EQ(json("tiles/tile.json")["inputs"][0]["reason_code"], "io_error");
  for (const auto& entry : fs::recursive_directory_iterator(folder_ / "tiles"))
    EXPECT_TRUE(entry.is_directory() || entry.path().filename() == "tile.json") << entry.path();
}

TEST_F(IsolationCommand, EndsOnCtrlCWhileAReadHangs) {
  support::plant_fault(bad_, {.kind = "hang", .is_at_open = true});
  const auto pid_file = support::pid_file_of(bad_).string();
  const auto output = support::run_command(fmt::format(
      "sh -c '{} & p=$!; until [ -e {} ] || ! kill -0 $p; do sleep 0.02; done; kill -INT $p; wait $p'",
      analyze("in", "out", "--read-timeout 600"), pid_file));
  EXPECT_EQ(output.exit_code, 130) << output.err;
  EXPECT_FALSE(fs::exists("/proc/" + imaging::read_file(pid_file)));
}

TEST_F(IsolationCommand, SaysThatItReadsInTheProgramWhereTheWorkerIsMissing) {
  fs::remove(folder_ / "bin/tessera-read-worker");
  const auto output = support::run_command(tile("in", "out"));
  EXPECT_EQ(output.exit_code, 0);
  EXPECT_THAT(output.err, HasSubstr("warning: tessera-read-worker is not beside the program"));
  EXPECT_EQ(json("out/tile.json")["reading"]["isolated"], false);
  EXPECT_EQ(support::run_command(tile("in", "out", "--isolate perhaps")).exit_code, 2);
  EXPECT_EQ(support::run_command(tile("in", "out", "--read-timeout 0.5")).exit_code, 2);
}

}  // namespace
