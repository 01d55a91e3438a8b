#include "imaging/slide/isolated_reader.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <mutex>
#include <set>
#include <thread>

#include "imaging/base/files.h"
#include "imaging/raster/png.h"
#include "imaging/slide/detail/read_protocol.h"
#include "imaging/slide/reader_table.h"
#include "imaging/tiling/tile_stream.h"
#include "tests/imaging/painted_slide.h"
#include "tests/imaging/read_faults.h"
#include "tests/support/test_support.h"

namespace imaging {
namespace {

namespace fs = std::filesystem;
using support::HasCode;
using testing::AllOf;
using testing::HasSubstr;
using testing::Throws;
using testing::ThrowsMessage;

fs::path shipped_worker() {
  return support::bin_folder() / "tessera-read-worker";
}

fs::path faulty_worker() {
  return support::bin_folder().parent_path() / "tests/faulty-read-worker";
}

/// A painted slide, and no process left behind by what a test did with it.
class IsolatedReaderTest : public testing::Test {
 protected:
  void SetUp() override { write_png(slide_, truth_); }
  void TearDown() override {
    EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
  }
  std::unique_ptr<SlideReader> open_faulty(double timeout_s = 600, std::stop_token stop = {}) const {
    return open_isolated(slide_, {.worker = faulty_worker(), .timeout_s = timeout_s}, std::move(stop));
  }
  void expect_right_pixels(const SlideReader& reader, std::int64_t x) const {
    const auto image = reader.read_region(x, 5, 0, {20, 10});
    ASSERT_EQ(image.width(), 20);
    EXPECT_EQ(std::vector(image.pixel(7, 3), image.pixel(7, 3) + 3),
              std::vector(truth_.pixel(x + 7, 8), truth_.pixel(x + 7, 8) + 3));
  }

  const support::TemporaryFolder folder_;
  const fs::path slide_ = folder_ / "slide.png";
  const Image8 truth_ = support::paint_positions(600, 200);
};

void expect_same(const SlideReader& isolated, const SlideReader& direct) {
  EXPECT_EQ(detail::to_message(isolated.info()), detail::to_message(direct.info()));
  for (int level = 0; level < static_cast<int>(direct.info().levels.size()); ++level) {
    for (const PointD at : {PointD{0, 0}, PointD{-30, -20}, PointD{333, 77}}) {
      const auto x = static_cast<std::int64_t>(at.x), y = static_cast<std::int64_t>(at.y);
      EXPECT_EQ(isolated.read_region(x, y, level, {257, 131}), direct.read_region(x, y, level, {257, 131}));
    }
  }
  for (const auto& name : direct.info().associated_images)
    EXPECT_EQ(isolated.read_associated(name), direct.read_associated(name)) << name;
}

TEST_F(IsolatedReaderTest, GivesTheSamePixelsAndFactsAsReadingInTheProgram) {
  expect_same(*open_isolated(slide_, {.worker = shipped_worker()}), *open_slide(slide_));
  support::write_tiled_tiff(folder_ / "p.tiff", {truth_, support::shrunk(truth_, 2, false)}, 20000);
  expect_same(*open_isolated(folder_ / "p.tiff", {.worker = shipped_worker()}),
              *open_slide(folder_ / "p.tiff"));
}

TEST_F(IsolatedReaderTest, GivesTheSameForARealSlideWithAssociatedImages) {
  TESSERA_NEED_DATA(path, "wsi/CMU-1-Small-Region.svs");
  expect_same(*open_isolated(path, {.worker = shipped_worker()}), *open_slide(path));
}

TEST_F(IsolatedReaderTest, KeepsTheCodesAndWordsOfErrors) {
  const auto words_of = [](const auto& work) -> std::pair<ErrorCode, std::string> {
    try {
      work();
    } catch (const Error& error) {
      return {error.code(), error.what()};
    }
    return {ErrorCode::internal, "nothing was thrown"};
  };
  const auto isolated = open_isolated(slide_, {.worker = shipped_worker()});
  const auto direct = open_slide(slide_);
  for (const auto& work : std::vector<std::function<void(const SlideReader&)>>{
           [](const SlideReader& reader) {
             (void)reader.read_region(0, 0, 99, {8, 8});
           },
           [](const SlideReader& reader) {
             (void)reader.read_region(0, 0, 0, {0, 8});
           },
           [](const SlideReader& reader) { (void)reader.read_associated("no such"); }}) {
    EXPECT_EQ(words_of([&] { work(*isolated); }), words_of([&] { work(*direct); }));
  }
  expect_right_pixels(*isolated, 100);  // an error is an answer; the process goes on
  write_file(folder_ / "text.svs", "no slide");
  for (const char* name : {"none.svs", "text.svs"}) {
    EXPECT_EQ(words_of([&] { (void)open_isolated(folder_ / name, {.worker = shipped_worker()}); }),
              words_of([&] { (void)open_slide(folder_ / name); }));
  }
}

TEST_F(IsolatedReaderTest, ReadsTheRegionAgainInAFreshProcessAfterACrash) {
  support::plant_fault(slide_, {.kind = "11", .first_x = 100, .end_x = 200, .is_once = true});
  const auto reader = open_faulty();
  expect_right_pixels(*reader, 0);
  expect_right_pixels(*reader, 150);
  EXPECT_FALSE(fs::exists(support::faults_of(slide_)));
}

TEST_F(IsolatedReaderTest, NamesWhatEndedTheProcessTwiceAndReadsOn) {
  for (const auto& [kind, reason] :
       std::map<std::string, std::string>{{"11", "the decoder crashed with signal 11"},
                                          {"6", "the decoder crashed with signal 6"},
                                          {"9", "was killed (signal 9)"},
                                          {"exit", "ended with exit code 7"}}) {
    support::plant_fault(slide_, {.kind = kind, .first_x = 100, .end_x = 200});
    const auto reader = open_faulty();
    const auto read = [&] { (void)reader->read_region(150, 0, 0, {16, 16}); };
    EXPECT_THAT(read, Throws<Error>(HasCode(ErrorCode::corrupt_data)));
    EXPECT_THAT(read, ThrowsMessage<Error>(AllOf(HasSubstr(reason), HasSubstr(slide_.string()),
                                                 HasSubstr("16 x 16 pixels at (150, 0) of level 0"))));
    expect_right_pixels(*reader, 300);
  }
}

TEST_F(IsolatedReaderTest, GivesUpReadsThatHangAndAfterTenTheSlide) {
  support::plant_fault(slide_, {.kind = "hang", .first_x = 100, .end_x = 200});
  const auto reader = open_faulty(3);  // long enough to start a process on a busy machine
  std::mutex mutex;
  std::multiset<ErrorCode> codes;
  const auto hang = [&](int count) {
    codes.clear();
    std::vector<std::jthread> threads;
    for (int i = 0; i < count; ++i) {
      threads.emplace_back([&, i] {
        try {
          (void)reader->read_region(100 + i, 0, 0, {16, 16});
        } catch (const Error& error) {
          EXPECT_THAT(error.what(), HasSubstr("timed out after 3 s"));
          const std::lock_guard lock(mutex);
          codes.insert(error.code());
        }
      });
    }
  };
  hang(9);
  EXPECT_EQ(codes.count(ErrorCode::corrupt_data), 9U);
  EXPECT_THROW((void)reader->read_region(0, 0, 99, {8, 8}), Error) << "an answer: the slide is not given up";
  hang(10);
  EXPECT_EQ(codes.count(ErrorCode::corrupt_data), 9U);
  EXPECT_EQ(codes.count(ErrorCode::io_error), 1U);
  expect_right_pixels(*reader, 300);
}

TEST_F(IsolatedReaderTest, FailsToOpenWhatHangsOrCrashesAtOnce) {
  support::plant_fault(slide_, {.kind = "hang", .is_at_open = true});
  EXPECT_THAT([&] { (void)open_faulty(0.2); },
              ThrowsMessage<Error>(slide_.string() + ": cannot be opened: timed out after 0.2 s."));
  support::plant_fault(slide_, {.kind = "11", .is_at_open = true});
  EXPECT_THAT(
      [&] { (void)open_faulty(); },
      ThrowsMessage<Error>(slide_.string() + ": cannot be opened: the decoder crashed with signal 11."));
}

TEST_F(IsolatedReaderTest, TakesNoNonsenseForAnAnswer) {
  support::plant_fault(slide_, {.kind = "babble", .first_x = 100, .end_x = 200});
  const auto reader = open_faulty();
  EXPECT_THAT(
      [&] {
        (void)reader->read_region(150, 0, 0, {16, 16});
      },
      ThrowsMessage<Error>(HasSubstr("an answer that is none")));
}

TEST_F(IsolatedReaderTest, TakesNoRegionOfAnotherSize) {
  support::plant_fault(slide_, {.kind = "narrow", .first_x = 100, .end_x = 200});
  const auto reader = open_faulty();
  EXPECT_THAT(
      [&] {
        (void)reader->read_region(150, 0, 0, {16, 16});
      },
      ThrowsMessage<Error>(HasSubstr("gave 8 x 16 pixels for 16 x 16")));
}

TEST_F(IsolatedReaderTest, EndsAHangAtOnceOnAStop) {
  support::plant_fault(slide_, {.kind = "hang", .first_x = 100, .end_x = 200});
  std::stop_source stop;
  const auto reader = open_faulty(600, stop.get_token());
  const std::jthread stopper([&] {
    while (!fs::exists(support::pid_file_of(slide_))) std::this_thread::yield();
    stop.request_stop();
  });
  EXPECT_THROW((void)reader->read_region(150, 0, 0, {16, 16}), Cancelled);
}

TEST_F(IsolatedReaderTest, EndsAHangInATileStreamAtOnceOnAStop) {
  support::plant_fault(slide_, {.kind = "hang", .first_x = 128, .end_x = 600});
  std::stop_source stop;
  const auto reader = open_faulty(600, stop.get_token());
  const TileGrid grid({600, 200}, {1, 1, "override"}, {.tile_mpp = 1, .tile_px = 64}, nullptr);
  TileStream stream(*reader, grid, {.workers = 3}, stop.get_token());
  EXPECT_EQ(stream.next()->number, 0);
  EXPECT_EQ(stream.next()->number, 1);
  const std::jthread stopper([&] {
    while (!fs::exists(support::pid_file_of(slide_))) std::this_thread::yield();
    stop.request_stop();
  });
  EXPECT_THROW((void)stream.next(), Cancelled);
}

TEST_F(IsolatedReaderTest, PutsTheReasonInTheLedgerOfCorruptTiles) {
  support::plant_fault(slide_, {.kind = "11", .first_x = 128, .end_x = 192});
  const auto reader = open_faulty();
  const TileGrid grid({600, 200}, {1, 1, "override"}, {.tile_mpp = 1, .tile_px = 64}, nullptr);
  TileStream stream(*reader, grid, {.workers = 2}, {});
  int good = 0;
  while (stream.next()) ++good;
  EXPECT_EQ(good, 36);
  ASSERT_EQ(stream.corrupt_tiles().size(), 4U);
  for (const auto& tile : stream.corrupt_tiles()) {
    EXPECT_EQ(tile.index.column, 2);
    EXPECT_THAT(tile.reason, HasSubstr("the decoder crashed with signal 11"));
  }
}

TEST_F(IsolatedReaderTest, ReadsInSeveralThreadsAtOnce) {
  const auto reader = open_isolated(slide_, {.worker = shipped_worker()});
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 40; ++i) expect_right_pixels(*reader, (t * 131 + i * 13) % 580);
    });
  }
}

TEST_F(IsolatedReaderTest, HandsItsProcessesNoDescriptorsButTheirOwn) {
  const int inherited = open(slide_.c_str(), O_RDONLY);  // without O_CLOEXEC
  ASSERT_GE(inherited, 3);
  const auto reader = open_faulty();
  close(inherited);
  // 5 is the listing's own, 6 at most the slide's.
  EXPECT_THAT(reader->info().properties.at("descriptors"), testing::MatchesRegex("0 1 2 3 4 (5 )?(6 )?"));
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_F(IsolatedReaderTest, BoundsTheMemoryOfADecoder) {
  support::plant_fault(slide_, {.kind = "hoard", .first_x = 100, .end_x = 200});
  const auto reader = open_faulty();
  EXPECT_THAT(
      [&] {
        (void)reader->read_region(150, 0, 0, {16, 16});
      },
      Throws<Error>(HasCode(ErrorCode::resource_exhausted)));
  expect_right_pixels(*reader, 300);
}
#endif

/// True while the process runs; a zombie, which only its new parent can bury, does not.
bool is_running(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string number, name, state;
  return static_cast<bool>(file >> number >> name >> state) && state != "Z";
}

TEST_F(IsolatedReaderTest, EndsTheProcessWithItsProgramEvenWhileItHangs) {
  support::plant_fault(slide_, {.kind = "hang", .first_x = 0, .end_x = 600});
  EXPECT_NE(support::run_command(faulty_worker().string() + " drive " + faulty_worker().string() + " " +
                                 slide_.string())
                .exit_code,
            0);
  const auto pid = read_file(support::pid_file_of(slide_));
  while (is_running(pid)) std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

TEST_F(IsolatedReaderTest, SaysThatTheWorkerCannotBeStarted) {
  EXPECT_THAT([&] { (void)open_isolated(slide_, {.worker = folder_ / "none"}); },
              Throws<Error>(HasCode(ErrorCode::resource_exhausted)));
}

SlideInfo full_info() {
  SlideInfo info;
  info.path = "/a/b\xff.svs";
  info.reader = "openslide";
  info.reader_version = "3.4.1";
  info.vendor = "aperio";
  info.levels = {{46000, 32914, 1}, {11500, 8228, 4.000121536217792}};
  info.scale = SlideScale{0.499, 0.5, "openslide.mpp"};
  info.objective_power = 20;
  info.laterality = "L";
  info.warnings = {"two \xc3\x28 scales"};
  info.properties = {{"aperio.Date", "12/29/09"}, {"odd", std::string("a\0b", 3)}};
  info.associated_images = {"label", "macro"};
  return info;
}

TEST(ReadProtocolTest, CarriesAllThatIsKnownOfASlide) {
  const auto bytes = detail::encode_message(detail::to_message(full_info()));
  EXPECT_EQ(detail::message_length(bytes.substr(0, 4)), bytes.size() - 4);
  const auto info = detail::info_from_message(detail::decode_message(std::string_view(bytes).substr(4)));
  EXPECT_EQ(detail::to_message(info), detail::to_message(full_info()));
  EXPECT_EQ(info.levels[1].downsample, full_info().levels[1].downsample);
  EXPECT_EQ(info.properties, full_info().properties);
  SlideInfo least;
  least.levels = {{1, 1, 1}};
  const auto bare = detail::info_from_message(detail::to_message(least));
  EXPECT_FALSE(bare.scale || bare.objective_power || bare.laterality);
}

TEST(ReadProtocolTest, RefusesEveryCutAndEveryChangedByte) {
  const auto bytes = detail::encode_message(detail::to_message(full_info())).substr(4);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_THROW((void)detail::decode_message(std::string_view(bytes).substr(0, cut)), detail::WorkerFailure);
  }
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const int value : {0x00, 0x1b, 0x7f, 0x80, 0x9b, 0xbf, 0xff}) {
      auto changed = bytes;
      changed[at] = static_cast<char>(value);
      try {  // refused, or understood as something else: never anything worse
        (void)detail::info_from_message(detail::decode_message(changed));
      } catch (const detail::WorkerFailure&) {
      }
    }
  }
}

TEST(ReadProtocolTest, RefusesSizesAndCodesThatCannotBe) {
  using detail::Message;
  EXPECT_THROW((void)detail::message_length("\xff\xff\xff\xff"), detail::WorkerFailure);
  EXPECT_THROW((void)detail::message_length("abc"), detail::WorkerFailure);
  for (const auto& [width, height] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {0, 5}, {5, -1}, {1LL << 40, 1LL << 40}, {1LL << 62, 4}})
    EXPECT_THROW((void)detail::size_from_message({{"width", width}, {"height", height}}),
                 detail::WorkerFailure);
  EXPECT_THROW((void)detail::size_from_message({{"width", "wide"}, {"height", 1}}), detail::WorkerFailure);
  EXPECT_THROW(detail::throw_if_failed(Message{{"failed", {{"code", 99}, {"message", ""}}}}),
               detail::WorkerFailure);
  EXPECT_THROW(detail::throw_if_failed(Message::object()), detail::WorkerFailure);
  EXPECT_THROW((void)detail::version_from_message({{"version", 4}}), detail::WorkerFailure);
  EXPECT_EQ(detail::version_from_message(Message::object()), "");
  EXPECT_THROW((void)detail::part_of_message(Message::object(), "info"), detail::WorkerFailure);
  EXPECT_NO_THROW(detail::throw_if_failed(Message{{"failed", nullptr}}));
  EXPECT_THAT(
      [] {
        detail::throw_if_failed(Message{{"failed", {{"code", 4}, {"message", "m"}}}});
      },
      Throws<Error>(HasCode(ErrorCode::missing_scale)));
}

}  // namespace
}  // namespace imaging
