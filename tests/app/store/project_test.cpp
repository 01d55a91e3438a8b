#include "app/store/project.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <QCoreApplication>
#include <QSqlDatabase>
#include <QSqlQuery>
#include <fstream>
#include <functional>

#include "tests/support/test_support.h"

namespace store {
namespace {

using imaging::ErrorCode;
namespace fs = std::filesystem;

void ensure_application() {
  static int argc = 1;
  static char name[] = "store_tests";
  static char* argv[] = {name, nullptr};
  static QCoreApplication application(argc, argv);
}

Item painted_item(const std::string& file) {
  return {.file = file,
          .identity = {.size_bytes = 1234567890123ULL, .mtime_ns = 1700000000123456789LL},
          .quick_hash = "ab12",
          .kind = "fundus",
          .patient = "P-007",
          .laterality = "L",
          .label = "severe npdr",
          .site = "north",
          .mpp = "0.25",
          .status = "in_review",
          .notes = "second look; 'quoted' \"twice\", Ödem\nnew line",
          .tags = {"zebra", "apple", "µ"}};
}

class ProjectTest : public testing::Test {
 protected:
  ProjectTest() { ensure_application(); }
  support::TemporaryFolder folder_;
};

/// Runs `body` in a process of its own that may mount; its exit code, or -1 where mounting is not allowed.
int run_with_mounts(const std::function<int()>& body) {
  const auto child = fork();
  if (child == 0) {
    if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
      _exit(200);
    int code = 250;
    try {
      code = body();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
    }
    _exit(code);
  }
  int status = 0;
  waitpid(child, &status, 0);
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 251;
  return code == 200 ? -1 : code;
}

TEST_F(ProjectTest, KeepsItemsResultsTextsAndStateAcrossAnOpening) {
  auto expected = painted_item("../images/left.png");
  {
    auto project = Project::open(folder_.path());
    EXPECT_EQ(project.access(), Access::writable);
    const auto added = project.add({expected, painted_item("b.svs"), expected});
    ASSERT_EQ(added.size(), 2U) << "the third has the first one's file";
    expected.id = added.front().id;
    project.save_result({expected.id, "model a", "results/a/cases/left", "done", "severe npdr"});
    project.save_result({expected.id, "model a", "results/b/cases/left", "degraded", "mild"});
    project.save_document({expected.id, "notes_draft", "half"});
    project.save_document({expected.id, "notes_draft", "half a sent"});
    project.save_document({added.back().id, "notes_draft", "gone"});
    project.save_document({added.back().id, "notes_draft", ""});
    project.save_state("session", "{}");
    project.save_state("session", "{\"open\":[]}");
  }
  const auto project = Project::open(folder_.path());
  const auto items = project.items();
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items.front(), expected);
  ASSERT_EQ(project.results().size(), 1U) << "one per model, the newest";
  EXPECT_EQ(project.results().front(),
            (Result{expected.id, "model a", "results/b/cases/left", "degraded", "mild"}));
  ASSERT_EQ(project.documents("notes_draft").size(), 1U);
  EXPECT_EQ(project.documents("notes_draft").front().item, expected.id);
  EXPECT_EQ(project.documents("notes_draft").front().text, "half a sent");
  EXPECT_TRUE(project.documents("another kind").empty());
  EXPECT_EQ(project.state("session"), "{\"open\":[]}");
}

TEST_F(ProjectTest, RemovalKeepsEverythingForUndoUntilTheNextOpening) {
  std::int64_t id = 0;
  {
    auto project = Project::open(folder_.path());
    const auto item = project.add({painted_item("a.svs")}).front();
    id = item.id;
    project.save_result({id, "m", "results/x", "done", ""});
    project.save_document({id, "notes_draft", "kept"});
    project.remove({id});
    EXPECT_TRUE(project.items().empty());
    project.save({item});  // the undo
    EXPECT_EQ(project.items().size(), 1U);
    EXPECT_EQ(project.documents("notes_draft").size(), 1U);
    EXPECT_EQ(project.results().size(), 1U);

    project.remove({id});
    const auto again = project.add({painted_item("a.svs")}).front();  // the same file comes in anew
    EXPECT_NE(again.id, id);
    EXPECT_TRUE(project.documents("notes_draft").empty());
    project.remove({again.id});
  }
  auto project = Project::open(folder_.path());
  EXPECT_TRUE(project.items().empty());
  EXPECT_TRUE(project.results().empty());
}

TEST_F(ProjectTest, MigratesAnOlderProjectAndRefusesANewerOne) {
  const auto file = folder_ / "tessera-project.sqlite";
  { auto project = Project::open(folder_.path()); }
  const auto set_version = [&](const QStringList& statements) {
    {
      auto database = QSqlDatabase::addDatabase("QSQLITE", "by hand");
      database.setDatabaseName(QString::fromStdString(file.string()));
      ASSERT_TRUE(database.open());
      for (const auto& statement : statements) ASSERT_TRUE(QSqlQuery(database).exec(statement));
      database.close();
    }
    QSqlDatabase::removeDatabase("by hand");
  };
  // As the first version wrote it: no documents, no state.
  set_version(
      {"INSERT INTO items (file, size_bytes, mtime_ns, quick_hash, kind, patient, laterality, label, site, "
       "mpp, status, notes) VALUES ('old.svs', 1, 2, '', 'slide', '', '', '', '', '', 'new', 'kept')",
       "DROP TABLE documents", "DROP TABLE state", "PRAGMA user_version = 1"});
  {
    auto project = Project::open(folder_.path());
    ASSERT_EQ(project.items().size(), 1U);
    EXPECT_EQ(project.items().front().notes, "kept");
    project.save_document({project.items().front().id, "notes_draft", "new table"});
  }
  set_version({"PRAGMA user_version = 99"});
  EXPECT_THAT([&] { (void)Project::open(folder_.path()); },
              testing::Throws<imaging::Error>(support::HasCode(ErrorCode::incompatible)));
}

TEST_F(ProjectTest, ASecondWriterReadsAndIsToldWhoWrites) {
  auto first = Project::open(folder_.path());
  const auto added = first.add({painted_item("a.svs")});

  auto second = Project::open(folder_.path());
  EXPECT_EQ(second.access(), Access::read_only);
  EXPECT_THAT(second.read_only_reason(),
              testing::HasSubstr("another studio (process " + std::to_string(getpid())));
  EXPECT_EQ(second.items().size(), 1U);
  EXPECT_THAT([&] { second.save(added); },
              testing::Throws<imaging::Error>(support::HasCode(ErrorCode::io_error)));
  first.add({painted_item("b.svs")});
  EXPECT_EQ(second.items().size(), 2U) << "what the writer adds meanwhile is seen";
}

TEST_F(ProjectTest, TheLockOfAKilledProcessIsTakenOver) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const auto child = fork();
  if (child == 0) {
    auto project = Project::open(folder_.path());
    project.add({painted_item("a.svs")});
    const char word = 'r';
    (void)!write(ready[1], &word, 1);
    pause();
    _exit(0);
  }
  char word = 0;
  ASSERT_EQ(read(ready[0], &word, 1), 1);
  EXPECT_EQ(Project::open(folder_.path()).access(), Access::read_only);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  const auto project = Project::open(folder_.path());
  EXPECT_EQ(project.access(), Access::writable);
  EXPECT_EQ(project.items().size(), 1U) << "what was committed before the kill";
}

TEST_F(ProjectTest, SaysThatTheDiskIsFullAndGoesOnWhenThereIsRoom) {
  const auto place = folder_ / "small";
  fs::create_directories(place);
  const int code = run_with_mounts([&] {
    if (mount("tmpfs", place.c_str(), "tmpfs", 0, "size=512k") != 0) return 200;
    auto project = Project::open(place);
    auto item = project.add({painted_item("a.svs")}).front();
    std::ofstream filler(place / "filler");
    const std::string block(4096, 'x');
    while (filler.write(block.data(), 4096).flush()) {
    }
    filler.close();
    item.notes = std::string(200000, 'n');
    bool said = false;
    try {
      project.save({item});
    } catch (const imaging::Error& error) {
      said =
          error.code() == ErrorCode::io_error && std::string(error.what()).find("full") != std::string::npos;
      if (!said) std::fprintf(stderr, "%s\n", error.what());
    }
    if (!said) return 1;
    if (project.items().front().notes == item.notes) return 2;
    fs::remove(place / "filler");
    project.save({item});
    return project.items().front().notes == item.notes ? 0 : 3;
  });
  if (code < 0) GTEST_SKIP() << "needs the right to mount";
  EXPECT_EQ(code, 0);
}

TEST_F(ProjectTest, AProjectOnAReadOnlyMediumIsReadWithItsWriteAheadLog) {
  const auto place = folder_ / "medium";
  fs::create_directories(place);
  const int code = run_with_mounts([&] {
    if (mount("tmpfs", place.c_str(), "tmpfs", 0, "size=8m") != 0) return 200;
    const auto writer = fork();  // leaves its log behind, as a killed studio does
    if (writer == 0) {
      auto project = Project::open(place);
      project.add({painted_item("a.svs")});
      kill(getpid(), SIGKILL);
    }
    waitpid(writer, nullptr, 0);
    if (mount(nullptr, place.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) != 0) return 200;
    auto project = Project::open(place);
    if (project.access() != Access::read_only) return 1;
    if (project.read_only_reason().find("cannot be written to") == std::string::npos) return 2;
    if (project.items().size() != 1) return 3;
    try {
      project.save_state("x", "y");
      return 4;
    } catch (const imaging::Error&) {
    }
    return 0;
  });
  if (code < 0) GTEST_SKIP() << "needs the right to mount";
  EXPECT_EQ(code, 0);
}

TEST_F(ProjectTest, RefusesWhatIsNoProject) {
  std::ofstream(folder_ / "tessera-project.sqlite") << std::string(5000, 'z');
  EXPECT_THAT([&] { (void)Project::open(folder_.path()); },
              testing::Throws<imaging::Error>(support::HasCode(ErrorCode::corrupt_data)));
  EXPECT_THAT([&] { (void)Project::open(folder_ / "nothing", Access::read_only); },
              testing::Throws<imaging::Error>(support::HasCode(ErrorCode::not_found)));
  std::ofstream(folder_ / "file") << "x";
  EXPECT_THAT([&] { (void)Project::open(folder_ / "file"); },
              testing::Throws<imaging::Error>(support::HasCode(ErrorCode::io_error)));
}

TEST(ProjectPathTest, NamesFilesRelativeToTheProject) {
  EXPECT_EQ(relative_to("/lab/study", "/lab/slides/a b.svs"), "../slides/a b.svs");
  EXPECT_EQ(relative_to("/lab/study", "/lab/study/./in/a.svs"), "in/a.svs");
  EXPECT_EQ(absolute_in("/lab/study", "../slides/a b.svs"), "/lab/slides/a b.svs");
}

}  // namespace
}  // namespace store
