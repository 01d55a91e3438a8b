#include <fstream>
#include <thread>

#include "imaging/base/csv.h"
#include "imaging/base/files.h"
#include "imaging/base/image.h"
#include "imaging/base/job.h"
#include "imaging/base/json_text.h"
#include "imaging/base/options_json.h"
#include "imaging/base/random.h"
#include "tests/support/test_support.h"

namespace imaging {

struct PaintOptions {
  std::int64_t side = 256;
  double share = 0.5;
  bool is_wet = false;
  std::string colour = "pink";
  std::optional<double> mpp = std::nullopt;
  std::vector<std::string> names = {};
};

template <typename Visitor, typename Options>
requires std::same_as<std::remove_const_t<Options>, PaintOptions>
void visit_fields(Visitor&& field, Options& options) {
  field("side", options.side, FieldInfo{.unit = "px", .help = "Side", .min = 8, .max = 4096});
  field("share", options.share, FieldInfo{.help = "Share", .min = 0, .max = 1});
  field("is_wet", options.is_wet, FieldInfo{.help = "Wet"});
  field("colour", options.colour, FieldInfo{.help = "Colour", .choices = {"pink", "purple"}});
  field("mpp", options.mpp, FieldInfo{.unit = "um/px", .help = "Scale", .min = 0.01, .max = 100});
  field("names", options.names, FieldInfo{.help = "Names"});
}

namespace {

using support::HasCode;
using testing::Throws;
using Row = std::vector<std::string>;

TEST(CsvTest, ReadsQuotesLineEndsAndByteOrderMark) {
  const auto table = parse_csv(
      "\xEF\xBB\xBF"
      "file,label\r\n\"a, \"\"b\"\".svs\",007\n\n\"two\nlines\",\n",
      "t");
  ASSERT_EQ(table.rows.size(), 3U);
  EXPECT_EQ(table.rows[0], (Row{"file", "label"}));
  EXPECT_EQ(table.rows[1], (Row{"a, \"b\".svs", "007"}));
  EXPECT_EQ(table.rows[2], (Row{"two\nlines", ""}));
}

TEST(CsvTest, NamesTheLineOfAnUnclosedQuote) {
  EXPECT_THAT([] { (void)parse_csv("a\nb,\"c\n", "t.csv"); },
              Throws<Error>(testing::AllOf(HasCode(ErrorCode::corrupt_data),
                                           testing::Property(&Error::what, testing::HasSubstr("line 2")))));
}

TEST(CsvTest, WritesLinesThatReadBack) {
  const Row cells{"plain", "a,b", "say \"x\"", "two\nlines", "", "00"};
  EXPECT_EQ(parse_csv(csv_line(cells), "t").rows.at(0), cells);
}

TEST(CsvTest, FillsShortRowsAndRefusesLongOnes) {
  const support::TemporaryFolder folder;
  write_file(folder / "a.csv", "file,mpp\nx.svs\n");
  const auto table = read_csv_with_header(folder / "a.csv");
  EXPECT_EQ(table.find_column("mpp"), 1U);
  EXPECT_EQ(table.find_column("none"), std::nullopt);
  EXPECT_EQ(table.rows.at(0), (Row{"x.svs", ""}));
  write_file(folder / "b.csv", "file\nx,y\n");
  EXPECT_THAT([&] { (void)read_csv_with_header(folder / "b.csv"); },
              Throws<Error>(HasCode(ErrorCode::corrupt_data)));
  write_file(folder / "c.csv", "");
  EXPECT_THAT([&] { (void)read_csv_with_header(folder / "c.csv"); },
              Throws<Error>(HasCode(ErrorCode::corrupt_data)));
}

TEST(Sha256Test, MatchesThePublishedVectors) {
  EXPECT_EQ(sha256_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256_of(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256Test, StreamsAFileToTheSameDigest) {
  const support::TemporaryFolder folder;
  const std::string content((1 << 20) * 2, 'x');
  write_file(folder / "f", content);
  EXPECT_EQ(sha256_of_file(folder / "f"), sha256_of(content));
  EXPECT_THAT([&] { (void)sha256_of_file(folder / "none"); }, Throws<Error>(HasCode(ErrorCode::not_found)));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW((void)sha256_of_file(folder / "f", stop.get_token()), Cancelled);
}

TEST(FilesTest, AnUncommittedFileLeavesNothing) {
  const support::TemporaryFolder folder;
  {
    const AtomicFile file(folder / "sub" / "a.txt");
    EXPECT_EQ(file.temporary_path().extension(), ".txt");
    std::ofstream(file.temporary_path()) << "half";
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder / "sub"));
  write_file(folder / "sub" / "a.txt", "whole");
  EXPECT_EQ(read_file(folder / "sub" / "a.txt"), "whole");
  EXPECT_THAT([&] { (void)read_file(folder / "sub" / "a.txt", 3); },
              Throws<Error>(HasCode(ErrorCode::resource_exhausted)));
  EXPECT_THAT([&] { (void)read_file(folder / "none"); }, Throws<Error>(HasCode(ErrorCode::not_found)));
  EXPECT_THAT([] { write_file("/proc/none/file", "x"); }, Throws<Error>(HasCode(ErrorCode::io_error)));
}

TEST(GlobTest, EndsOnPatternsThatCouldMatchInCountlessWays) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "*a";
  EXPECT_FALSE(matches_glob(std::string(400, 'a'), pattern + "b"));
  EXPECT_TRUE(matches_glob(std::string(400, 'a'), pattern));
}

TEST(JsonTest, RefusesWhatReadersDisagreeOn) {
  const auto refusal = [](const std::string& text) -> std::string {
    try {
      (void)parse_json<nlohmann::json>(text, "x.json");
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::corrupt_data);
      return error.what();
    }
    return {};
  };
  EXPECT_EQ(refusal(R"({"a": [1, {"b": 2}], "c": {"b": 3}})"), "");
  EXPECT_EQ(refusal(R"({"a": 1, "a": 2})"), "x.json: not valid JSON, an object has the key 'a' twice.");
  EXPECT_EQ(refusal(std::string(1'000'000, '[')),
            "x.json: not valid JSON, it is nested deeper than 64 levels.");
  EXPECT_THAT(refusal("[NaN]"), testing::HasSubstr("x.json: not valid JSON, parse error at line 1"));
  EXPECT_FALSE(refusal("").empty());
}

TEST(JsonTest, TakesWholeNumbersThatInt64Holds) {
  const auto whole = [](const char* text) {
    return value_from_json<std::int64_t>(nlohmann::json::parse(text));
  };
  EXPECT_EQ(whole("-3"), -3);
  EXPECT_EQ(whole("3.0"), 3);
  EXPECT_EQ(whole("9223372036854775807"), INT64_MAX);
  for (const auto* text : {"1e300", "0.5", "9223372036854775808", "true", "\"3\""})
    EXPECT_THROW((void)whole(text), nlohmann::json::exception) << text;
}

TEST(GlobTest, MatchesNamesFoldersAndTrees) {
  EXPECT_TRUE(matches_glob("a/b/slide.svs", "*.svs"));
  EXPECT_FALSE(matches_glob("a/b/slide.svs", "*.tif"));
  EXPECT_TRUE(matches_glob("masks/x.png", "masks/*"));
  EXPECT_FALSE(matches_glob("masks/deep/x.png", "masks/*"));
  EXPECT_TRUE(matches_glob("masks/deep/x.png", "masks/**"));
  EXPECT_TRUE(matches_glob("a/b/x.png", "**/x.png"));
  EXPECT_TRUE(matches_glob("x.png", "**/x.png"));
  EXPECT_TRUE(matches_glob("a1.png", "a?.png"));
  EXPECT_FALSE(matches_glob("a12.png", "a?.png"));
}

TEST(OptionsTest, RefusesValuesOutsideTheirRangeOrChoices) {
  PaintOptions options;
  EXPECT_NO_THROW(check_options(options));
  options.side = 4;
  EXPECT_THAT(
      [&] { check_options(options); },
      Throws<Error>(testing::AllOf(HasCode(ErrorCode::invalid_argument),
                                   testing::Property(&Error::what, testing::HasSubstr("side is 4 px")))));
  options = {.share = std::nan("")};
  EXPECT_THAT([&] { check_options(options); }, Throws<Error>(HasCode(ErrorCode::invalid_argument)));
  options = {.colour = "green"};
  EXPECT_THAT([&] { check_options(options); }, Throws<Error>(HasCode(ErrorCode::invalid_argument)));
  options = {.mpp = 1000};
  EXPECT_THAT([&] { check_options(options); }, Throws<Error>(HasCode(ErrorCode::invalid_argument)));
}

TEST(OptionsTest, GoesThroughJsonUnchanged) {
  const PaintOptions options{
      .side = 64, .share = 0.25, .is_wet = true, .colour = "purple", .mpp = 0.5, .names = {"a", "b"}};
  const auto json = options_to_json(options);
  EXPECT_EQ(json.begin().key(), "side") << "in order of declaration";
  PaintOptions back;
  options_from_json(back, nlohmann::json::parse(json.dump()));
  EXPECT_EQ(options_to_json(back), json);
  EXPECT_TRUE(options_to_json(PaintOptions{})["mpp"].is_null());
}

TEST(OptionsTest, RefusesUnknownNamesAndWrongTypes) {
  PaintOptions options;
  EXPECT_THAT(
      [&] {
        options_from_json(options, {{"sides", 3}});
      },
      Throws<Error>(HasCode(ErrorCode::invalid_argument)));
  EXPECT_THAT(
      [&] {
        options_from_json(options, {{"side", "big"}});
      },
      Throws<Error>(HasCode(ErrorCode::invalid_argument)));
  EXPECT_THAT(
      [&] {
        options_from_json(options, {{"side", 5000}});
      },
      Throws<Error>(HasCode(ErrorCode::invalid_argument)));
  EXPECT_THAT([&] { options_from_json(options, nlohmann::json::array()); },
              Throws<Error>(HasCode(ErrorCode::invalid_argument)));
}

TEST(JobTest, TurnsWhatTheBodyThrowsIntoAnOutcome) {
  EXPECT_EQ(run_job([](const JobContext&) {}, {}).status, JobStatus::done);
  const auto failed = run_job([](const JobContext&) { throw Error(ErrorCode::no_tissue, "none"); }, {});
  EXPECT_EQ(failed.status, JobStatus::failed);
  EXPECT_EQ(failed.code, ErrorCode::no_tissue);
  EXPECT_EQ(failed.message, "none");
  EXPECT_EQ(run_job([](const JobContext&) { throw std::bad_alloc(); }, {}).code,
            ErrorCode::resource_exhausted);
  EXPECT_EQ(run_job([](const JobContext&) { throw std::runtime_error("x"); }, {}).code, ErrorCode::internal);
  EXPECT_EQ(run_job([](const JobContext&) { throw 7; }, {}).code, ErrorCode::internal);
}

TEST(JobTest, ReportsProgressUntilStopped) {
  std::stop_source stop;
  std::vector<Progress> seen;
  const JobContext context(stop.get_token(), [&](const Progress& step) { seen.push_back(step); });
  const auto outcome = run_job(
      [&](const JobContext& job) {
        for (int i = 0; i < 10; ++i) {
          job.checkpoint("tiles", i, 10);
          if (i == 3) stop.request_stop();
        }
      },
      context);
  EXPECT_EQ(outcome.status, JobStatus::cancelled);
  ASSERT_EQ(seen.size(), 4U);
  EXPECT_EQ(seen.back().stage, "tiles");
  EXPECT_EQ(seen.back().done, 3);
  EXPECT_EQ(seen.back().total, 10);
}

TEST(RandomTest, GivesTheSameNumbersForTheSameSeedAndOthersForAnotherStream) {
  Random a(42);
  Random b(42);
  Random c(42, 1);
  int same = 0;
  for (int i = 0; i < 100; ++i) {
    const auto value = a();
    EXPECT_EQ(value, b());
    if (value == c()) ++same;
  }
  EXPECT_EQ(same, 0);
}

TEST(RandomTest, HasTheMomentsItClaims) {
  Random random(1);
  double sum = 0;
  double squares = 0;
  double uniform = 0;
  constexpr int kCount = 100000;
  for (int i = 0; i < kCount; ++i) {
    const double value = random.normal(2, 3);
    sum += value;
    squares += (value - 2) * (value - 2);
    const double u = random.uniform();
    ASSERT_TRUE(u >= 0 && u < 1);
    uniform += u;
    const auto index = random.index(7);
    ASSERT_TRUE(index >= 0 && index < 7);
  }
  EXPECT_NEAR(sum / kCount, 2, 0.05);
  EXPECT_NEAR(squares / kCount, 9, 0.2);
  EXPECT_NEAR(uniform / kCount, 0.5, 0.01);
}

TEST(RandomTest, ShufflesWithoutLosingAny) {
  std::vector<int> values(50);
  for (int i = 0; i < 50; ++i) values[static_cast<std::size_t>(i)] = i;
  auto shuffled = values;
  Random(5).shuffle(std::span<int>(shuffled));
  EXPECT_NE(shuffled, values);
  EXPECT_THAT(shuffled, testing::UnorderedElementsAreArray(values));
}

TEST(HashTextTest, MatchesTheFnvVectors) {
  EXPECT_EQ(hash_text(""), 0xcbf29ce484222325ULL);
  EXPECT_EQ(hash_text("a"), 0xaf63dc4c8601ec8cULL);
  EXPECT_EQ(hash_text("foobar"), 0x85944171f73967e8ULL);
}

TEST(ImageTest, LaysPixelsOutRowByRow) {
  Image8 image(4, 3, 2, 9);
  EXPECT_EQ(image.bytes(), 24U);
  image.pixel(2, 1)[1] = 5;
  EXPECT_EQ(image.values()[13], 5);
  EXPECT_EQ(image.row(1) + 4, image.pixel(2, 1));
}

}  // namespace
}  // namespace imaging
