#include <fmt/format.h>
#include <gtest/gtest.h>
#include <tiffio.h>
#include <unistd.h>

#include <cmath>
#include <fstream>

#include "app/workflows/analyze.h"
#include "app/workflows/encode.h"
#include "imaging/base/csv.h"
#include "imaging/raster/ome_tiff.h"
#include "imaging/raster/png.h"
#include "imaging/slide/pyramid_tiff_writer.h"
#include "tests/integration/command_fixture.h"

namespace {

namespace fs = std::filesystem;
using support::run_tessera;

/// A folder of two good images, and the arguments that analyse it.
class AnalyzeCommand : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_ / "in");
    support::paint_tissue_png(folder_ / "in/first.png", {320, 256}, {64, 64, 192, 128}, 1);
    support::paint_tissue_png(folder_ / "in/second.png", {256, 256}, {32, 32, 160, 192}, 2);
  }
  [[nodiscard]] std::string arguments(const std::string& out, const std::string& extra = "") const {
    return fmt::format("analyze {} --mpp 1 --a-t 0 --seg-mpp 4 --batch 4 --model {} --encoder {} --out {} {}",
                       (folder_ / "in").string(), support::tiny_models().classifier.string(),
                       support::tiny_models().encoder.string(), (folder_ / out).string(), extra);
  }
  [[nodiscard]] nlohmann::json result(const std::string& out, const std::string& name) const {
    return nlohmann::json::parse(imaging::read_file(folder_ / out / "cases" / name / "result.json"));
  }
  support::TemporaryFolder folder_;
};

TEST(UsageTest, ExitsTwoWithOneSentence) {
  for (const auto* arguments :
       {"", "frobnicate", "info", "tile x.png --out y --tile-px 3", "info x.png --no-such-option"}) {
    const auto output = run_tessera(arguments);
    EXPECT_EQ(output.exit_code, 2) << arguments;
    EXPECT_THAT(output.err, testing::StartsWith("error: ")) << arguments;
    EXPECT_TRUE(output.out.empty()) << arguments;
  }
}

TEST(UsageTest, RefusesAWrongScaleByTheNameOfItsOption) {
  for (const auto* command : {"info x.png", "encode x.png --encoder e --out o", "tile x.png --out o",
                              "analyze x.png --model m --out o"}) {
    for (const auto* mpp : {"abc", "-1"}) {
      const auto output = run_tessera(fmt::format("{} --mpp {}", command, mpp));
      EXPECT_EQ(output.exit_code, 2) << command;
      EXPECT_THAT(output.err, testing::StartsWith("error: --mpp: ")) << command;
    }
  }
}

TEST(UsageTest, CallsInputsByTheNameThatTheHelpGivesThem) {
  EXPECT_EQ(run_tessera("info").err, "error: INPUT is required\n");
  EXPECT_EQ(run_tessera("model verify").err, "error: PKG is required\n");
  EXPECT_THAT(run_tessera("info --help").out, testing::Not(testing::HasSubstr("--inputs")));
}

TEST(UsageTest, TakesInputsFromAFileOfOptions) {
  support::TemporaryFolder folder;
  support::paint_tissue_png(folder / "a.png", {256, 256}, {32, 32, 192, 192}, 1);
  imaging::write_file(folder / "options.json", R"({"inputs": [")" + (folder / "a.png").string() + R"("]})");
  EXPECT_EQ(run_tessera("info --config " + (folder / "options.json").string()).exit_code, 0);
}

TEST(UsageTest, SaysErrorsInJsonToo) {
  const auto output = run_tessera("info --json");
  EXPECT_EQ(output.exit_code, 2);
  EXPECT_EQ(nlohmann::json::parse(output.out)["error"]["code"], "invalid_argument");
}

TEST(UsageTest, TakesOptionsFromAFileAndLetsTheCommandLineWin) {
  support::TemporaryFolder folder;
  support::paint_tissue_png(folder / "a.png", {256, 256}, {32, 32, 192, 192}, 1);
  imaging::write_file(
      folder / "options.json",
      R"({"tile_px": 64, "mpp": 1.0, "slide-mpp": "1", "a_t": 0, "seg_mpp": 4, "min_tissue": 0.9})");
  const auto output =
      run_tessera(fmt::format("tile {} --config {} --tile-px 32 --out {} --json", (folder / "a.png").string(),
                              (folder / "options.json").string(), (folder / "out").string()));
  ASSERT_EQ(output.exit_code, 0) << output.err;
  const auto json = nlohmann::json::parse(output.out);
  EXPECT_EQ(json["options"]["tile_px"], 32);
  EXPECT_EQ(json["options"]["min_tissue"], 0.9);
}

TEST(InfoCommandTest, HasTheKeysThatScriptsReadForARealSlide) {
  TESSERA_NEED_DATA(slide, "wsi/CMU-1-Small-Region.svs");
  const auto output = run_tessera("info --json " + slide.string());
  ASSERT_EQ(output.exit_code, 0) << output.err;
  const auto json = nlohmann::json::parse(output.out);
  EXPECT_EQ(json["width"], 2220);
  EXPECT_EQ(json["height"], 2967);
  EXPECT_EQ(json["levels"][0]["downsample"], 1.0);
  EXPECT_DOUBLE_EQ(json["mpp_x"], 0.499);
  EXPECT_EQ(json["mpp_source"], "openslide.mpp");
  EXPECT_EQ(json["vendor"], "aperio");
}

TEST(InfoCommandTest, WarnsThatFluorescenceCannotBeAnalysed) {
  TESSERA_NEED_DATA(slide, "wsi/Mirax2-Fluorescence-2.mrxs");
  const auto output = run_tessera("info " + slide.string());
  EXPECT_EQ(output.exit_code, 0) << output.err;
  EXPECT_THAT(output.out, testing::HasSubstr("take brightfield slides only"));
}

TEST_F(AnalyzeCommand, KeepsInsideAnnotationsAndRecordsThem) {
  imaging::write_file(
      folder_ / "marks/first.geojson",
      R"([{"geometry":{"type":"Polygon","coordinates":[[[64,64],[160,64],[160,192],[64,192],[64,64]]]},)"
      R"("properties":{"classification":{"name":"Tumour"}}}])");
  ASSERT_EQ(run_tessera(arguments("whole")).exit_code, 0);

  const auto output = run_tessera(arguments("inside", "--inside " + (folder_ / "marks").string()));

  EXPECT_EQ(output.exit_code, 4) << "the second input has no annotations" << output.err;
  const auto inside = result("inside", "first");
  EXPECT_LT(inside["tiles"], result("whole", "first")["tiles"]);
  EXPECT_EQ(inside["options"]["inside"]["file"], "first.geojson");
  EXPECT_EQ(result("inside", "second")["reason_code"], "not_found");
  EXPECT_EQ(imaging::read_file(folder_ / "inside/run.json").find(folder_.path().string()), std::string::npos);
  const auto again = run_tessera(arguments("inside", "--inside " + (folder_ / "marks").string()));
  EXPECT_THAT(again.out, testing::HasSubstr("skipped: first.png"));
  imaging::write_file(folder_ / "marks/first.geojson",
                      R"({"type":"Polygon","coordinates":[[[64,64],[250,64],[250,192],[64,192],[64,64]]]})");
  const auto changed = run_tessera(arguments("inside", "--inside " + (folder_ / "marks").string()));
  EXPECT_THAT(changed.out, testing::HasSubstr("done: first.png")) << "other annotations are other work";
}

TEST_F(AnalyzeCommand, ConvertsAndExportsAnnotations) {
  imaging::write_file(
      folder_ / "a.geojson",
      R"([{"geometry":{"type":"Polygon","coordinates":[[[64,64],[160,64],[160,192],[64,192],[64,64]]]},)"
      R"("properties":{"classification":{"name":"Tumour"}}}])");
  const auto lost = run_tessera(
      fmt::format("annotations region {0}/a.geojson --number 9 --slide {0}/in/first.png --out {0}/r.tif",
                  folder_.path().string()));
  EXPECT_EQ(lost.exit_code, 2);
  EXPECT_THAT(lost.err, testing::HasSubstr("--number 9 is none of them"));
  EXPECT_FALSE(fs::exists(folder_ / "r.tif"));
  const auto mask =
      run_tessera(fmt::format("annotations convert {0}/in/first.png {0}/b.geojson", folder_.path().string()));
  EXPECT_EQ(mask.exit_code, 2);
  EXPECT_THAT(mask.err, testing::HasSubstr("name the slide with --slide"));
  ASSERT_EQ(run_tessera(fmt::format("annotations convert {0}/a.geojson {0}/a.xml", folder_.path().string()))
                .exit_code,
            0);

  const auto output = run_tessera(
      fmt::format("annotations export {0}/a.xml --slide {0}/in/first.png --mpp 1 --mask-mpp 2 --tile-mpp 1 "
                  "--tile-px 32 --out {0}/labels --json",
                  folder_.path().string()));

  ASSERT_EQ(output.exit_code, 0) << output.err;
  const auto reply = nlohmann::json::parse(output.out);
  EXPECT_EQ(reply["classes"], nlohmann::json::array({"Tumour"}));
  EXPECT_EQ(reply["mask_width"], 160);
  EXPECT_EQ(reply["tiles"], 3 * 4);
  EXPECT_TRUE(fs::exists(folder_ / "labels/first_mask.png"));
}

TEST_F(AnalyzeCommand, FailsByNameWhatItMayNotRead) {
  // Root reads everything unless it gives that right up.
  const std::string as_anyone =
      geteuid() == 0 ? "setpriv --inh-caps=-all --bounding-set=-dac_override,-dac_read_search " : "";
  imaging::write_file(folder_ / "secret", "text");
  fs::permissions(folder_ / "secret", fs::perms::none);
  if (support::run_command(as_anyone + "true").exit_code != 0 ||
      support::run_command(as_anyone + "cat " + (folder_ / "secret").string()).exit_code == 0)
    GTEST_SKIP() << "cannot give up the right to read every file";
  fs::create_directories(folder_ / "in/closed");
  fs::permissions(folder_ / "in/closed", fs::perms::none);
  fs::permissions(folder_ / "in/second.png", fs::perms::none);
  const auto output = support::run_command(as_anyone + (support::bin_folder() / "tessera").string() + " " +
                                           arguments("out", "--no-report --include '*.png'"));
  fs::permissions(folder_ / "in/closed", fs::perms::owner_all);
  EXPECT_EQ(output.exit_code, 4) << output.err;
  EXPECT_THAT(output.out, testing::HasSubstr("done: first.png"));
  EXPECT_THAT(output.out, testing::HasSubstr("failed: closed: Permission denied.\n"));
  EXPECT_THAT(output.out, testing::HasSubstr("failed: second.png: Permission denied.\n"));
}

TEST_F(AnalyzeCommand, NamesFileAndOptionsWhereThereIsNoTissue) {
  support::paint_tissue_png(folder_ / "blank.png", {128, 128}, {0, 0, 0, 0}, 1);
  const auto output = run_tessera("tile " + (folder_ / "blank.png").string() +
                                  " --slide-mpp 1 --seg-mpp 4 --out " + (folder_ / "out").string());
  EXPECT_EQ(output.exit_code, 3);
  EXPECT_THAT(output.out, testing::StartsWith("failed: blank.png: No tile"));
  EXPECT_THAT(output.out, testing::HasSubstr("lower --min-tissue or --sthresh"));
}

TEST_F(AnalyzeCommand, WantsCommasBetweenTheCellsOfATable) {
  imaging::write_file(folder_ / "table.csv", "file;mpp\nfirst.png;0.5\n");
  const auto output = run_tessera(arguments("out", "--table " + (folder_ / "table.csv").string()));
  EXPECT_EQ(output.exit_code, 3);
  EXPECT_THAT(output.err, testing::HasSubstr("separated by commas"));
}

TEST_F(AnalyzeCommand, WritesEveryArtefactAndSkipsWhatIsDone) {
  const auto first = run_tessera(arguments("out"));
  ASSERT_EQ(first.exit_code, 0) << first.err;
  for (const auto* name :
       {"result.json", "features.h5", "attention.ome.tif", "overlay.png", "thumbnail.png", "tiles.geojson",
        "tissue.geojson", "report.html", "report.pdf", "top_tiles/01.png"}) {
    EXPECT_TRUE(fs::exists(folder_ / "out/cases/first" / name)) << name;
  }
  const auto json = result("out", "first");
  EXPECT_EQ(json["kind"], "slide");
  EXPECT_EQ(json["status"], "done");
  EXPECT_FALSE(json["versions"]["libtorch"].get<std::string>().empty());
  EXPECT_NEAR(json["probabilities"]["normal"].get<double>() + json["probabilities"]["tumour"].get<double>(),
              1, 1e-9);
  EXPECT_EQ(
      nlohmann::json::parse(imaging::read_file(folder_ / "out/cases/first/tiles.geojson"))["features"].size(),
      json["tiles"]);

  const auto before = support::listing(folder_ / "out");
  const auto second = run_tessera(arguments("out"));
  EXPECT_EQ(second.exit_code, 0);
  EXPECT_THAT(second.out, testing::HasSubstr("skipped: first.png"));
  EXPECT_EQ(support::listing(folder_ / "out"), before);
}

TEST_F(AnalyzeCommand, DoesAChangedInputAgainAndNoOther) {
  ASSERT_EQ(run_tessera(arguments("out")).exit_code, 0);
  support::paint_tissue_png(folder_ / "in/first.png", {320, 256}, {64, 64, 192, 128}, 9);
  const auto output = run_tessera(arguments("out"));
  EXPECT_THAT(output.out, testing::HasSubstr("done: first.png"));
  EXPECT_THAT(output.out, testing::HasSubstr("skipped: second.png"));
}

TEST_F(AnalyzeCommand, DoesACaseAgainThatLostAnArtefact) {
  ASSERT_EQ(run_tessera(arguments("out")).exit_code, 0);
  for (const auto* name : {"overlay.png", "features.h5", "report.pdf", "top_tiles/02.png"}) {
    fs::remove(folder_ / "out/cases/first" / name);
    imaging::write_file(folder_ / "out/cases/second" / name, "");
    const auto output = run_tessera(arguments("out"));
    EXPECT_THAT(output.out, testing::HasSubstr("done: first.png")) << name;
    EXPECT_THAT(output.out, testing::HasSubstr("done: second.png")) << name;
    EXPECT_GT(fs::file_size(folder_ / "out/cases/first" / name), 0u) << name;
    EXPECT_GT(fs::file_size(folder_ / "out/cases/second" / name), 0u) << name;
  }
}

TEST_F(AnalyzeCommand, NamesAFailedInputOnce) {
  const auto output = run_tessera("tile " + (folder_ / "in/first.png").string() + " /nowhere/nope.svs" +
                                  " --slide-mpp 1 --a-t 0 --seg-mpp 4 --out " + (folder_ / "out").string());
  EXPECT_EQ(output.exit_code, 4) << output.err;
  EXPECT_THAT(output.out, testing::HasSubstr("failed: nope.svs: no such file.\n"));
}

TEST_F(AnalyzeCommand, WritesTheSameBytesTwice) {
  ASSERT_EQ(run_tessera(arguments("a", "--no-report --threads 2")).exit_code, 0);
  ASSERT_EQ(run_tessera(arguments("b", "--no-report --threads 2")).exit_code, 0);
  for (const auto* name : {"cases/first/result.json", "cases/first/overlay.png", "cases/first/tiles.geojson",
                           "cases/second/result.json", "cohort.csv"}) {
    EXPECT_EQ(imaging::read_file(folder_ / "a" / name), imaging::read_file(folder_ / "b" / name)) << name;
  }
}

/// LibTorch cuts its sums by the number of threads, so that the last bits may differ between numbers.
TEST_F(AnalyzeCommand, AgreesToRoundingBetweenNumbersOfThreads) {
  ASSERT_EQ(run_tessera(arguments("a", "--no-report --threads 1")).exit_code, 0);
  ASSERT_EQ(run_tessera(arguments("b", "--no-report --threads 2")).exit_code, 0);
  for (const auto* name : {"first", "second"}) {
    auto one = result("a", name), two = result("b", name);
    EXPECT_EQ(one["verdict"], two["verdict"]);
    EXPECT_EQ(one["tiles"], two["tiles"]);
    EXPECT_EQ(one["grid"], two["grid"]);
    EXPECT_NEAR(one["probabilities"]["tumour"].get<double>(), two["probabilities"]["tumour"].get<double>(),
                1e-5);
  }
}

TEST_F(AnalyzeCommand, ListsThisRunsInputsAndKeepsOtherCases) {
  ASSERT_EQ(run_tessera(arguments("out", "--no-report --include first.png")).exit_code, 0);
  const auto before = support::listing(folder_ / "out/cases/first");
  const auto output = run_tessera(arguments("out", "--no-report --include second.png"));
  ASSERT_EQ(output.exit_code, 0) << output.err;
  EXPECT_THAT(output.err, testing::HasSubstr("holds 1 cases that are not among these inputs"));
  EXPECT_EQ(support::listing(folder_ / "out/cases/first"), before);
  EXPECT_EQ(imaging::read_csv_with_header(folder_ / "out/cohort.csv").rows.size(), 1u);
  const auto again = run_tessera(arguments("out", "--no-report"));
  EXPECT_THAT(again.out, testing::HasSubstr("skipped: first.png"));
  EXPECT_EQ(imaging::read_csv_with_header(folder_ / "out/cohort.csv").rows.size(), 2u);
}

TEST_F(AnalyzeCommand, TakesFilesWhoseNamesAreNotUtf8) {
  fs::rename(folder_ / "in/first.png", folder_ / "in/gl\xe4ser.png");
  const auto output = run_tessera(arguments("out", "--no-report --json"));
  ASSERT_EQ(output.exit_code, 0) << output.err;
  EXPECT_EQ(nlohmann::json::parse(output.out)["cases"][0]["file"], "gl\xef\xbf\xbdser.png");
  EXPECT_EQ(run_tessera("info --json " + (folder_ / "in").string()).exit_code, 0);
}

class BrokenReportWriter final : public workflows::ReportWriter {
 public:
  void write(const workflows::CaseFolder&, const std::string&) const override {
    throw imaging::Error(imaging::ErrorCode::io_error, "The disk is full.");
  }
  void write_run(const fs::path&, const std::string&) const override {}
};

TEST_F(AnalyzeCommand, LeavesNoHalfWrittenCaseWhereItsReportFails) {
  workflows::AnalyzeRequest request;
  request.inputs.inputs = {(folder_ / "in/first.png").string()};
  request.inputs.mpp = "1";
  request.model = support::tiny_models().classifier.string();
  request.encoder = support::tiny_models().encoder.string();
  request.out = folder_ / "out";
  request.tissue.a_t = 0;
  request.tissue.seg_mpp = 4;
  const auto summary = workflows::analyze(request, BrokenReportWriter(), {}, imaging::JobContext{});
  ASSERT_EQ(summary.rows.size(), 1u);
  EXPECT_EQ(summary.rows[0].status, "failed");
  EXPECT_EQ(summary.rows[0].reason_code, "io_error");
  EXPECT_TRUE(fs::is_empty(folder_ / "out/cases"));
}

/// A slide of 24 storage tiles of tissue, of 64 tiles of the grid each.
class DamagedSlide : public AnalyzeCommand {
 protected:
  static constexpr std::int64_t kGridTiles = 64;  ///< in a storage tile

  void SetUp() override {
    constexpr std::int64_t kRows = imaging::PyramidTiffWriter::kTilePx;
    support::paint_tissue_png(folder_ / "painted.png", {2560, 1280}, {256, 256, 2048, 768}, 1);
    const auto image = imaging::decode_image(imaging::read_file(folder_ / "painted.png"));
    imaging::PyramidTiffOptions options;
    options.size = {image.width(), image.height()};
    fs::create_directories(folder_ / "in");
    imaging::PyramidTiffWriter writer(slide_, options);
    for (std::int64_t y = 0; y < image.height(); y += kRows) {
      imaging::Image8 rows(image.width(), kRows, 3);
      std::copy_n(image.row(y), image.width() * kRows * 3, rows.data());
      writer.append_rows(rows);
    }
    writer.finish();
  }

  /// Overwrites storage tiles of level 0, given by their left ends in the second row, which is all tissue.
  void damage(const std::vector<std::uint32_t>& lefts) {
    std::vector<std::uint64_t> offsets;
    {
      const std::unique_ptr<TIFF, void (*)(TIFF*)> file(TIFFOpen(slide_.c_str(), "r"), &TIFFClose);
      for (const auto left : lefts)
        offsets.push_back(TIFFGetStrileOffset(file.get(), TIFFComputeTile(file.get(), left, 512, 0, 0)));
    }
    std::fstream bytes(slide_, std::ios::in | std::ios::out | std::ios::binary);
    for (const auto offset : offsets) {
      bytes.seekp(static_cast<std::streamoff>(offset));
      bytes.write("damaged damaged damaged", 23);
    }
  }
  const fs::path slide_ = folder_ / "in/slide.tiff";
};

TEST_F(DamagedSlide, IsDegradedWithALedgerWhereFewTilesAreCorrupt) {
  damage({512});
  const auto output = run_tessera(arguments("out"));
  ASSERT_EQ(output.exit_code, 0) << output.out << output.err;
  const auto json = result("out", "slide");
  EXPECT_EQ(json["status"], "degraded");
  ASSERT_EQ(json["corrupt_tiles"].size(), kGridTiles);
  EXPECT_EQ(json["corrupt_tiles"][0]["column"], 512 / 32);
  EXPECT_EQ(json["corrupt_tiles"][0]["row"], 512 / 32);
  EXPECT_FALSE(json["warnings"].empty());
  EXPECT_GT(json["tiles"], 22 * kGridTiles);
  EXPECT_THAT(json.dump(), testing::Not(testing::HasSubstr(folder_.path().string())));
  const auto table = imaging::read_csv_with_header(folder_ / "out/cohort.csv");
  EXPECT_EQ(table.rows[0][*table.find_column("status")], "degraded");
  EXPECT_EQ(table.rows[0][*table.find_column("corrupt_tiles")], std::to_string(kGridTiles));
}

TEST_F(DamagedSlide, FailsByNameWhereTooManyTilesAreCorrupt) {
  damage({512, 1024, 1536});
  EXPECT_EQ(run_tessera(arguments("out")).exit_code, 3);
  const auto json = result("out", "slide");
  EXPECT_EQ(json["status"], "failed");
  EXPECT_EQ(json["reason_code"], "corrupt_data");
  EXPECT_THAT(json["reason"].get<std::string>(),
              testing::HasSubstr("more than the 5 % of all that are allowed"));
  EXPECT_TRUE(json["verdict"].is_null());
  EXPECT_FALSE(fs::exists(folder_ / "out/cases/slide/features.h5"));
  EXPECT_EQ(run_tessera(arguments("out", "--max-corrupt 0.2")).exit_code, 0);
  EXPECT_EQ(result("out", "slide")["status"], "degraded");
}

TEST_F(DamagedSlide, TileKeepsToTheSameLimitWhereItWritesPictures) {
  const auto tile = [&](const std::string& out, const std::string& extra) {
    return run_tessera(
        fmt::format("tile {} --slide-mpp 1 --mpp 1 --tile-px 32 --a-t 0 --seg-mpp 4 --out {} {}",
                    slide_.string(), (folder_ / out).string(), extra));
  };
  const auto row = [&](const std::string& out) {
    return nlohmann::json::parse(imaging::read_file(folder_ / out / "tile.json"))["inputs"][0];
  };
  damage({512, 1024, 1536});
  EXPECT_EQ(tile("coords", "").exit_code, 0) << "no tile is read";
  EXPECT_EQ(tile("strict", "--pictures").exit_code, 3);
  EXPECT_EQ(row("strict")["reason_code"], "corrupt_data");
  EXPECT_FALSE(fs::exists(folder_ / "strict/tiles/slide"));
  EXPECT_EQ(tile("lenient", "--pictures --max-corrupt 0.5").exit_code, 0);
  EXPECT_EQ(row("lenient")["status"], "degraded");
  EXPECT_THAT(row("lenient")["reason"].get<std::string>(), testing::HasSubstr("corrupt tiles were left out"));
}

TEST_F(AnalyzeCommand, GoesOnPastABadFileAndExitsFour) {
  imaging::write_file(folder_ / "in/broken.png", "no picture at all");
  const auto output = run_tessera(arguments("out", "--json"));
  EXPECT_EQ(output.exit_code, 4);
  EXPECT_EQ(nlohmann::json::parse(output.out)["failed"], 1);
  const auto table = imaging::read_csv_with_header(folder_ / "out/cohort.csv");
  ASSERT_EQ(table.rows.size(), 3u);
  const auto status = *table.find_column("status"), file = *table.find_column("file");
  for (const auto& row : table.rows) EXPECT_EQ(row[status], row[file] == "broken.png" ? "failed" : "done");
  EXPECT_EQ(result("out", "broken")["status"], "failed");
}

TEST_F(AnalyzeCommand, NamesTheCureWhereTheScaleIsUnknown) {
  const auto output =
      run_tessera(fmt::format("analyze {} --model {} --encoder {} --out {}",
                              (folder_ / "in/first.png").string(), support::tiny_models().classifier.string(),
                              support::tiny_models().encoder.string(), (folder_ / "out").string()));
  EXPECT_EQ(output.exit_code, 3);
  EXPECT_EQ(result("out", "first")["reason_code"], "missing_scale");
  EXPECT_THAT(output.out, testing::HasSubstr("--mpp"));
}

TEST_F(AnalyzeCommand, RefusesASlideCoarserThanTheModel) {
  auto coarse = arguments("out", "--no-report");
  coarse.replace(coarse.find("--mpp 1 "), 8, "--mpp 2 ");
  EXPECT_EQ(run_tessera(coarse).exit_code, 3);
  EXPECT_EQ(result("out", "first")["reason_code"], "scale_mismatch");
  EXPECT_EQ(run_tessera(coarse + " --allow-scale-mismatch").exit_code, 0);
  EXPECT_FALSE(result("out", "first")["warnings"].empty());
}

TEST_F(AnalyzeCommand, NamesCasesApartWhereStemsClash) {
  fs::create_directories(folder_ / "in/sub");
  fs::copy_file(folder_ / "in/first.png", folder_ / "in/sub/first.png");
  ASSERT_EQ(run_tessera(arguments("out", "--no-report")).exit_code, 0);
  for (const std::string relative : {"first.png", "sub/first.png"}) {
    EXPECT_TRUE(fs::exists(folder_ / "out/cases" / ("first-" + imaging::sha256_of(relative).substr(0, 6))))
        << relative;
  }
  EXPECT_TRUE(fs::exists(folder_ / "out/cases/second"));
}

TEST_F(AnalyzeCommand, LaysTheRasterOverTheTilesCornerToCorner) {
  ASSERT_EQ(run_tessera(arguments("out", "--no-report")).exit_code, 0);
  const auto raster = imaging::read_ome_tiff(folder_ / "out/cases/first/attention.ome.tif");
  const auto json = result("out", "first");
  EXPECT_EQ(raster.values.width(), json["grid"]["columns"]);
  EXPECT_EQ(raster.values.height(), json["grid"]["rows"]);
  const double stride = json["grid"]["tile_stride_l0"][0];
  std::int64_t painted = 0;
  for (const float value : raster.values.values()) painted += std::isnan(value) ? 0 : 1;
  EXPECT_EQ(painted, json["tiles"]);
  const auto features =
      nlohmann::json::parse(imaging::read_file(folder_ / "out/cases/first/tiles.geojson"))["features"];
  for (const auto& feature : features) {
    const auto& corner = feature["geometry"]["coordinates"][0][0];
    const auto column = static_cast<std::int64_t>(std::lround(corner[0].get<double>() / stride));
    const auto row = static_cast<std::int64_t>(std::lround(corner[1].get<double>() / stride));
    const double score = feature["properties"]["measurements"].begin().value();
    EXPECT_FLOAT_EQ(raster.values.pixel(column, row)[0], static_cast<float>(score));
  }
}

TEST_F(AnalyzeCommand, LeavesNoHalfWrittenCaseOnCtrlC) {
  support::paint_tissue_png(folder_ / "in/large.png", {6000, 6000}, {100, 100, 5800, 5800}, 4);
  // Wherever the signal falls, the answer is 130 and only whole cases are there.
  const auto log = (folder_ / "log").string();
  const auto output = support::run_command(fmt::format(
      "sh -c '{} {} 2>{} & p=$!; until grep -q slides:.1 {} || ! kill -0 $p; do sleep 0.05; done; "
      "kill -INT $p; wait $p'",
      (support::bin_folder() / "tessera").string(), arguments("out", "--no-report"), log, log));
  EXPECT_EQ(output.exit_code, 130) << imaging::read_file(log);
  EXPECT_THAT(output.out, testing::StartsWith("done: first.png: "));
  for (const auto& entry : fs::directory_iterator(folder_ / "out/cases")) {
    EXPECT_TRUE(fs::exists(entry.path() / "result.json")) << entry.path();
  }
}

TEST_F(AnalyzeCommand, ShowsWhatAModelIs) {
  const auto folder = support::tiny_models().encoder.parent_path();
  const auto list = nlohmann::json::parse(run_tessera("model list --json " + folder.string()).out);
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0]["name"], "tiny-encoder");
  EXPECT_EQ(list[0]["task"], "patch-encoder");
  EXPECT_EQ(run_tessera("model verify " + support::tiny_models().classifier.string()).exit_code, 0);
}

TEST_F(AnalyzeCommand, EncodesOnceAndPredictsFromTheFeatures) {
  const auto features = (folder_ / "features").string();
  const auto encode =
      fmt::format("encode {} --mpp 1 --a-t 0 --seg-mpp 4 --encoder {} --out {}", (folder_ / "in").string(),
                  support::tiny_models().encoder.string(), features);
  ASSERT_EQ(run_tessera(encode).exit_code, 0);
  EXPECT_THAT(run_tessera(encode).out, testing::HasSubstr("(2 before)"));
  const auto predict = run_tessera(fmt::format("mil predict --model {} --bags {} --out {} --json",
                                               support::tiny_models().classifier.string(), features,
                                               (folder_ / "predictions").string()));
  ASSERT_EQ(predict.exit_code, 0) << predict.err;
  EXPECT_EQ(imaging::read_csv_with_header(folder_ / "predictions/predictions.csv").rows.size(), 2u);

  imaging::write_file(folder_ / "features/h5_files/second.h5", "no features at all");
  const auto some = run_tessera(fmt::format("mil predict --model {} --bags {} --out {}",
                                            support::tiny_models().classifier.string(), features,
                                            (folder_ / "predictions").string()));
  EXPECT_EQ(some.exit_code, 4);
  EXPECT_THAT(some.out, testing::StartsWith("failed: second.h5: "));
  EXPECT_THAT(imaging::read_file(folder_ / "predictions/predictions.csv"),
              testing::Not(testing::HasSubstr(folder_.path().string())));
}

class EncodeCommand : public AnalyzeCommand {
 protected:
  [[nodiscard]] std::string encode(const std::string& extra) const {
    return fmt::format("encode {} --a-t 0 --seg-mpp 4 --encoder {} --out {} {}", (folder_ / "in").string(),
                       support::tiny_models().encoder.string(), (folder_ / "out").string(), extra);
  }
};

TEST_F(EncodeCommand, DoesASlideAgainWhoseScaleInTheTableHasChanged) {
  const auto table = (folder_ / "scales.csv").string();
  imaging::write_file(table, "file,mpp\nfirst.png,1\nsecond.png,1\n");
  ASSERT_EQ(run_tessera(encode("--table " + table)).exit_code, 0);
  imaging::write_file(table, "file,mpp\nfirst.png,0.5\nsecond.png,1\n");
  EXPECT_THAT(run_tessera(encode("--table " + table)).out, testing::HasSubstr("(1 before)"));
}

TEST_F(EncodeCommand, RemembersWhatItHadNotComeToWhenItWasStopped) {
  ASSERT_EQ(run_tessera(encode("--mpp 1")).exit_code, 0);
  support::paint_tissue_png(folder_ / "in/first.png", {320, 256}, {64, 64, 192, 128}, 9);
  workflows::EncodeRequest request;
  request.inputs.inputs = {(folder_ / "in").string()};
  request.inputs.mpp = "1";
  request.encoder = support::tiny_models().encoder.string();
  request.out = folder_ / "out";
  request.tissue.a_t = 0;
  request.tissue.seg_mpp = 4;
  std::stop_source stop;
  const imaging::JobContext job(stop.get_token(), [&](const imaging::Progress& step) {
    if (step.stage == "slides" && step.done == 1) stop.request_stop();
  });
  EXPECT_THROW((void)workflows::encode_slides(request, {}, job), imaging::Cancelled);
  EXPECT_THAT(run_tessera(encode("--mpp 1")).out, testing::HasSubstr("(2 before)"));
}

}  // namespace
