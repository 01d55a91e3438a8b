#include "app/workflows/inputs.h"

#include <sys/stat.h>

#include "imaging/base/files.h"
#include "imaging/base/log.h"
#include "tests/support/test_support.h"

namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class InputsTest : public testing::Test {
 protected:
  InputsTest() {
    imaging::set_log_sink([this](imaging::LogLevel, const std::string& line) { said_.push_back(line); });
  }
  ~InputsTest() override { imaging::set_log_sink({}); }

  void add(const std::string& name, const std::string& content = "x") {
    imaging::write_file(folder_ / name, content);
  }
  std::vector<std::string> names_in(const std::string& folder) {
    workflows::InputOptions options;
    options.inputs = {(folder_ / folder).string()};
    std::vector<std::string> names;
    for (const auto& file : workflows::collect_inputs(options, {}, {}).files) names.push_back(file.relative);
    return names;
  }

  support::TemporaryFolder folder_;
  std::vector<std::string> said_;
};

TEST_F(InputsTest, ResultsOfTesseraAreLeftOutAloud) {
  add("in/a.png");
  add("in/out/run.json", "{\n  \"schema\": \"tessera.run/1\"\n}\n");
  add("in/out/cases/a/overlay.png");
  add("in/other/run.json", "{\"schema\": \"someone.else\"}");
  add("in/other/b.png");
  EXPECT_THAT(names_in("in"), ElementsAre("a.png", "other/b.png"));
  EXPECT_THAT(said_, ElementsAre(HasSubstr("results of Tessera were left out: out.")));
}

TEST_F(InputsTest, OfAnInputFolderThatIsTheOutputTooOnlyTheResultsAreLeftOut) {
  add("in/a.png");
  add("in/tile.json", "{\n  \"schema\": \"tessera.tile/1\"\n}\n");
  add("in/stitches/a.png");
  add("in/slides/b.png");
  EXPECT_THAT(names_in("in"), ElementsAre("a.png", "slides/b.png"));
}

TEST_F(InputsTest, TheRealFileStaysNotTheLinkToIt) {
  add("in/real.png");
  add("elsewhere/far.png");
  fs::create_symlink("real.png", folder_ / "in/a_link.png");
  fs::create_symlink(folder_ / "elsewhere/far.png", folder_ / "in/far_link.png");
  EXPECT_THAT(names_in("in"), ElementsAre("far_link.png", "real.png"));
}

TEST_F(InputsTest, DanglingLinksAndPipesAreNamed) {
  add("in/a.png");
  fs::create_symlink("nowhere", folder_ / "in/dangling.svs");
  ASSERT_EQ(mkfifo((folder_ / "in/pipe.svs").c_str(), 0600), 0);
  EXPECT_THAT(names_in("in"), ElementsAre("a.png"));
  EXPECT_THAT(said_, ElementsAre(testing::AllOf(HasSubstr("2 files were skipped"), HasSubstr("dangling.svs"),
                                                HasSubstr("pipe.svs"))));
}

}  // namespace
