#include "imaging/slide/file_identity.h"

#include <fstream>
#include <functional>
#include <set>

#include "imaging/base/error.h"
#include "imaging/base/files.h"
#include "tests/support/test_support.h"

namespace imaging {
namespace {

namespace fs = std::filesystem;
using support::HasCode;
using testing::AllOf;
using testing::HasSubstr;
using testing::Throws;
using testing::ThrowsMessage;

class WhileUnchangedTest : public testing::Test {
 protected:
  void SetUp() override { write_file(file_, "pixels"); }
  const support::TemporaryFolder folder_;
  const fs::path file_ = folder_ / "slide.svs";
};

TEST_F(WhileUnchangedTest, PassesAnUntouchedFileAndItsFailures) {
  while_unchanged(file_, [&] { (void)read_file(file_); });
  EXPECT_THAT([&] { while_unchanged(file_, [] { throw Error(ErrorCode::no_tissue, "none"); }); },
              Throws<Error>(HasCode(ErrorCode::no_tissue)));
  EXPECT_THAT([&] { while_unchanged(folder_ / "none", [] { throw Error(ErrorCode::not_found, "none"); }); },
              Throws<Error>(HasCode(ErrorCode::not_found)));
}

TEST_F(WhileUnchangedTest, NamesTheFileThatGrewWasRewrittenOrIsGone) {
  const auto expect_refused = [&](const std::string& change, const std::function<void()>& work) {
    EXPECT_THAT([&] { while_unchanged(file_, work); },
                ThrowsMessage<Error>(AllOf(HasSubstr(file_.string()),
                                           HasSubstr("was changed while it was read"), HasSubstr(change))));
  };
  expect_refused("from 6 to 10 bytes", [&] { std::ofstream(file_, std::ios::app) << "more"; });
  expect_refused("its time of change",
                 [&] { fs::last_write_time(file_, fs::last_write_time(file_) + std::chrono::seconds(1)); });
  expect_refused("it is gone", [&] { fs::remove(file_); });
  expect_refused("it was not there before", [&] { write_file(file_, "new"); });
}

TEST_F(WhileUnchangedTest, BlamesTheChangeForAFailureButLetsAStopThrough) {
  const auto change = [&] { std::ofstream(file_, std::ios::app) << "more"; };
  EXPECT_THAT(
      [&] {
        while_unchanged(file_, [&] {
          change();
          throw Error(ErrorCode::corrupt_data, "a strip is short");
        });
      },
      Throws<Error>(HasCode(ErrorCode::io_error)));
  EXPECT_THROW(while_unchanged(file_,
                               [&] {
                                 change();
                                 throw Cancelled{};
                               }),
               Cancelled);
}

TEST(QuickHashTest, SeesChangesAtBothEndsAndInTheMiddleOfALargeFile) {
  const support::TemporaryFolder folder;
  const auto path = folder / "large.bin";
  std::string content(5 << 20, 'a');
  const auto hash_of = [&] {
    write_file(path, content);
    return quick_hash(path);
  };
  std::set<std::string> hashes{hash_of()};
  for (const auto at : {std::size_t{0}, content.size() / 2, content.size() - 1}) {
    content[at] = 'b';
    EXPECT_TRUE(hashes.insert(hash_of()).second) << at;
  }
  EXPECT_EQ(hash_of(), quick_hash(path));
}

TEST(QuickHashTest, TakesSmallAndEmptyFilesAndNoneThatCannotBeRead) {
  const support::TemporaryFolder folder;
  write_file(folder / "small", "ab");
  write_file(folder / "empty", "");
  EXPECT_EQ(quick_hash(folder / "small").size(), 64U);
  EXPECT_EQ(quick_hash(folder / "empty").size(), 64U);
  EXPECT_NE(quick_hash(folder / "small"), quick_hash(folder / "empty"));
  EXPECT_EQ(quick_hash(folder / "none"), "");
  EXPECT_EQ(quick_hash(folder.path()), "");
}

}  // namespace
}  // namespace imaging
