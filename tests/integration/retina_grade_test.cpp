#include <fmt/format.h>
#include <gtest/gtest.h>
#include <tiffio.h>

#include <cstring>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "app/workflows/analyze.h"
#include "app/workflows/grade_fundus.h"
#include "imaging/base/csv.h"
#include "imaging/base/files.h"
#include "imaging/phantom/fundus_phantom.h"
#include "imaging/raster/ome_tiff.h"
#include "imaging/raster/png.h"
#include "tests/integration/command_fixture.h"

/// Photographs of the retina from the file to the report, with a grader that knows nothing.
namespace {

namespace fs = std::filesystem;
using support::run_tessera;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const imaging::FundusPhantom& phantom(std::int64_t seed = 1, double blur = 0) {
  static std::map<std::pair<std::int64_t, double>, imaging::FundusPhantom> made;
  const auto key = std::pair(seed, blur);
  if (!made.contains(key))
    made[key] = imaging::make_fundus_phantom({.seed = seed, .grade = 2, .domain = "clinic-b", .blur = blur});
  return made[key];
}

std::string bytes_of(auto number) {
  std::string raw(sizeof number, '\0');
  std::memcpy(raw.data(), &number, sizeof number);
  return raw;
}

/// An RGB photograph as DICOM, explicit VR, little-endian, with a patient's name; without pixels where
/// `has_pixels` is false.
std::string dicom(const imaging::Image8& image, const std::string& eye, bool has_pixels = true) {
  const auto element = [](std::uint16_t group, std::uint16_t tag, const char* kind, std::string value) {
    if (value.size() % 2 != 0) value.push_back(std::string_view(kind) == "UI" ? '\0' : ' ');
    return bytes_of(group) + bytes_of(tag) + kind + bytes_of(static_cast<std::uint16_t>(value.size())) +
           value;
  };
  const auto word = [](std::int64_t value) { return bytes_of(static_cast<std::uint16_t>(value)); };
  const auto meta = element(2, 0x10, "UI", "1.2.840.10008.1.2.1");
  std::string bytes = std::string(128, '\0') + "DICM";
  bytes += element(2, 0, "UL", bytes_of(static_cast<std::uint32_t>(meta.size()))) + meta;
  bytes += element(8, 0x16, "UI", "1.2.840.10008.5.1.4.1.1.77.1.5.1") + element(8, 0x60, "CS", "OP");
  bytes += element(0x10, 0x10, "PN", "Secret^Patient") + element(0x10, 0x20, "LO", "ID-4711");
  bytes += element(0x20, 0x62, "CS", eye);
  if (!has_pixels) return bytes;
  bytes += element(0x28, 2, "US", word(3)) + element(0x28, 4, "CS", "RGB") + element(0x28, 6, "US", word(0));
  bytes += element(0x28, 0x10, "US", word(image.height())) + element(0x28, 0x11, "US", word(image.width()));
  bytes += element(0x28, 0x30, "DS", "0.008\\0.008") + element(0x28, 0x100, "US", word(8));
  bytes += element(0x28, 0x101, "US", word(8)) + element(0x28, 0x102, "US", word(7)) +
           element(0x28, 0x103, "US", word(0));
  return bytes + bytes_of(std::uint16_t{0x7fe0}) + bytes_of(std::uint16_t{0x10}) + std::string("OB\0\0", 4) +
         bytes_of(static_cast<std::uint32_t>(image.bytes())) +
         std::string(reinterpret_cast<const char*>(image.data()), image.bytes());
}

/// The same JPEG with an EXIF block that turns it by a quarter and names a person.
std::string turned_by_exif(const std::string& jpeg) {
  std::string tiff = "II*";
  tiff += std::string(1, '\0') + bytes_of(std::uint32_t{8}) + bytes_of(std::uint16_t{2});
  tiff += bytes_of(std::uint16_t{0x0112}) + bytes_of(std::uint16_t{3}) + bytes_of(std::uint32_t{1}) +
          bytes_of(std::uint32_t{6});
  tiff += bytes_of(std::uint16_t{0x013b}) + bytes_of(std::uint16_t{2}) + bytes_of(std::uint32_t{14}) +
          bytes_of(std::uint32_t{38}) + bytes_of(std::uint32_t{0}) + std::string("Secret Patient", 14);
  const auto payload = std::string("Exif\0\0", 6) + tiff;
  const auto length = payload.size() + 2;
  return jpeg.substr(0, 2) + "\xff\xe1" + static_cast<char>(length >> 8) + static_cast<char>(length & 255) +
         payload + jpeg.substr(2);
}

/// A TIFF of `samples` channels of `bits` bits; above three channels CMYK.
void write_tiff(const fs::path& path, const imaging::Image8& rgb, std::uint16_t samples, std::uint16_t bits) {
  auto* file = TIFFOpen(path.c_str(), "w");
  ASSERT_NE(file, nullptr);
  TIFFSetField(file, TIFFTAG_IMAGEWIDTH, static_cast<std::uint32_t>(rgb.width()));
  TIFFSetField(file, TIFFTAG_IMAGELENGTH, static_cast<std::uint32_t>(rgb.height()));
  TIFFSetField(file, TIFFTAG_SAMPLESPERPIXEL, samples);
  TIFFSetField(file, TIFFTAG_BITSPERSAMPLE, bits);
  TIFFSetField(file, TIFFTAG_PHOTOMETRIC, samples == 4 ? PHOTOMETRIC_SEPARATED : PHOTOMETRIC_RGB);
  TIFFSetField(file, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
  std::string row;
  for (std::int64_t y = 0; y < rgb.height(); ++y) {
    row.clear();
    for (std::int64_t x = 0; x < rgb.width(); ++x) {
      for (int c = 0; c < samples; ++c) {
        const std::uint8_t value = c == 3 ? 0 : rgb.pixel(x, y)[c];
        const auto ink = static_cast<std::uint8_t>(samples == 4 && c < 3 ? 255 - value : value);
        row += bits == 16 ? bytes_of(static_cast<std::uint16_t>(ink * 257))
                          : std::string(1, static_cast<char>(ink));
      }
    }
    ASSERT_EQ(TIFFWriteScanline(file, row.data(), static_cast<std::uint32_t>(y)), 1);
  }
  TIFFClose(file);
}

class RetinaGradeCommand : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(in()); }
  [[nodiscard]] fs::path in() const { return folder_ / "in"; }
  void add(const std::string& name, const std::string& content) const {
    imaging::write_file(in() / name, content);
  }
  [[nodiscard]] support::CommandOutput grade(const std::string& more = "",
                                             const std::string& inputs = "") const {
    return run_tessera(fmt::format("retina grade {} --model {} --isolate never --out {} {}",
                                   inputs.empty() ? in().string() : inputs, support::tiny_grader().string(),
                                   (folder_ / "out").string(), more));
  }
  [[nodiscard]] nlohmann::json result(const std::string& name, const std::string& out = "out") const {
    return nlohmann::json::parse(imaging::read_file(folder_.path() / out / "cases" / name / "result.json"));
  }
  [[nodiscard]] std::string cell(const std::string& file, const std::string& column) const {
    const auto table = imaging::read_csv_with_header(folder_ / "out/cohort.csv");
    for (const auto& row : table.rows) {
      if (row[table.find_column("file").value()] == file) return row[table.find_column(column).value()];
    }
    return "no row";
  }
  support::TemporaryFolder folder_;
};

TEST_F(RetinaGradeCommand, LeavesGradeEvidenceAndReportOfEveryPhotograph) {
  add("7_left.jpg", phantom().jpeg);
  const auto output = grade();
  ASSERT_EQ(output.exit_code, 0) << output.err;
  const auto json = result("7_left");
  EXPECT_EQ(json["schema"], "tessera.result/1");
  EXPECT_EQ(json["kind"], "fundus");
  EXPECT_EQ(json["status"], "done");
  double sum = 0;
  for (const auto* name : {"nodr", "mild_npdr", "moderate_npdr", "severe_npdr", "pdr"})
    sum += json["probabilities"][name].get<double>();
  EXPECT_NEAR(sum, 1, 1e-9);
  EXPECT_TRUE(json["probabilities"].contains(json["verdict"].get<std::string>())) << json["verdict"];
  const auto& p = json["probabilities"];
  const auto& scores = json["fundus"]["scores"];
  EXPECT_NEAR(scores["referable_score"].get<double>(),
              p["moderate_npdr"].get<double>() + p["severe_npdr"].get<double>() + p["pdr"].get<double>(),
              1e-9);
  EXPECT_EQ(scores["referable_threshold"], 0.5);
  EXPECT_EQ(scores["referable"], scores["referable_score"].get<double>() >= 0.5);
  EXPECT_EQ(json["fundus"]["macular_oedema"]["probabilities"].size(), 3U);
  EXPECT_EQ(json["laterality"], "L");
  EXPECT_EQ(json["fundus"]["eye_source"], "file name");
  EXPECT_EQ(json["patient"], "7");
  EXPECT_EQ(json["scale"]["source"], "pixels");
  EXPECT_EQ(json["model"]["calibration"]["temperature"], 1.5);
  const auto folder = folder_.path() / "out/cases/7_left";
  for (const auto* name : {"thumbnail.png", "overlay.png", "tiles.geojson", "report.html", "report.pdf"})
    EXPECT_TRUE(fs::exists(folder / name)) << name;
  for (const auto* name : {"run.json", "cohort.csv", "report.html"})
    EXPECT_TRUE(fs::exists(folder_.path() / "out" / name)) << name;
  const auto html = imaging::read_file(folder / "report.html");
  EXPECT_THAT(html, AllOf(HasSubstr("Left (OS), by the file&#39;s name"), HasSubstr("Moderate NPDR"),
                          HasSubstr("Research use only"), HasSubstr("nothing: random weights")));
}

TEST_F(RetinaGradeCommand, TheEvidenceMapLiesOverTheFieldAndIsEmptyOutside) {
  add("eye.jpg", phantom().jpeg);
  ASSERT_EQ(grade().exit_code, 0);
  const auto json = result("eye");
  const auto raster = imaging::read_ome_tiff(folder_ / "out/cases/eye/attention.ome.tif");
  ASSERT_EQ(raster.values.width(), 8);
  EXPECT_TRUE(std::isnan(*raster.values.pixel(0, 0)));
  EXPECT_TRUE(std::isfinite(*raster.values.pixel(4, 4)));
  const auto count = std::ranges::count_if(raster.values.values(), [](float v) { return std::isfinite(v); });
  EXPECT_EQ(json["tiles"], count);
  const auto origin = json["fundus"]["evidence_origin_l0"];
  const double side = json["grid"]["tile_side_l0"][0].get<double>() * 8;
  EXPECT_NEAR(origin[0].get<double>() + side / 2, phantom().centre.x, 0.03 * side)
      << "the map is about the disc";
  EXPECT_NEAR(origin[1].get<double>() + side / 2, phantom().centre.y, 0.03 * side);
  EXPECT_NEAR(side, 2 * phantom().radius, 0.06 * side);
}

TEST_F(RetinaGradeCommand, WhatIsDoneIsSkippedAndAnotherOptionIsAnotherRun) {
  add("a.jpg", phantom().jpeg);
  ASSERT_EQ(grade().exit_code, 0);
  const auto before = support::listing(folder_ / "out");
  EXPECT_THAT(grade().out, HasSubstr("skipped: a.jpg"));
  EXPECT_EQ(support::listing(folder_ / "out"), before);
  EXPECT_THAT(grade("--referable-threshold 0.2").out, HasSubstr("done: a.jpg"));
  EXPECT_EQ(result("a")["fundus"]["scores"]["referable_threshold"], 0.2);
  EXPECT_EQ(result("a")["fundus"]["scores"]["referable_threshold_from"], "--referable-threshold");
  const auto table = (folder_ / "t.csv").string();
  imaging::write_file(table, "file,laterality\na.jpg,OD\n");
  EXPECT_THAT(grade("--referable-threshold 0.2 --table " + table).out, HasSubstr("done: a.jpg"));
}

TEST_F(RetinaGradeCommand, AnalyzeWritesTheSameBytes) {
  add("a.jpg", phantom().jpeg);
  ASSERT_EQ(grade().exit_code, 0);
  const auto output = run_tessera(fmt::format("analyze {} --isolate never --model {} --out {}", in().string(),
                                              support::tiny_grader().string(), (folder_ / "same").string()));
  ASSERT_EQ(output.exit_code, 0) << output.err;
  for (const auto* name :
       {"cohort.csv", "cases/a/result.json", "cases/a/overlay.png", "cases/a/tiles.geojson"})
    EXPECT_EQ(imaging::read_file(folder_.path() / "out" / name),
              imaging::read_file(folder_.path() / "same" / name))
        << name;
}

TEST_F(RetinaGradeCommand, AnUngradablePhotographGetsNoGradeUnlessTheGateIsOverriddenOnRecord) {
  add("blurred.jpg", phantom(1, 1).jpeg);
  const auto refused = grade();
  ASSERT_EQ(refused.exit_code, 0) << refused.err;
  auto json = result("blurred");
  ASSERT_EQ(json["verdict"], "ungradable") << json["fundus"]["quality"];
  EXPECT_EQ(json["status"], "degraded");
  EXPECT_THAT(json["reason"].get<std::string>(), HasSubstr("out of focus"));
  EXPECT_TRUE(json["probabilities"].empty());
  EXPECT_TRUE(json["fundus"]["scores"].is_null());
  EXPECT_FALSE(fs::exists(folder_ / "out/cases/blurred/attention.ome.tif"));
  EXPECT_EQ(cell("blurred.jpg", "probability_nodr"), "");
  EXPECT_THAT(imaging::read_file(folder_ / "out/cases/blurred/report.html"),
              AllOf(HasSubstr("Ungradable photograph"), HasSubstr("Take the photograph again")));
  EXPECT_THAT(grade().out, HasSubstr("skipped: blurred.jpg: ungradable"));

  ASSERT_EQ(grade("--quality-gate warn").exit_code, 0);
  json = result("blurred");
  EXPECT_EQ(json["probabilities"].size(), 5U);
  EXPECT_EQ(json["fundus"]["quality"]["overridden"], true);
  EXPECT_THAT(json["warnings"].dump(), HasSubstr("graded all the same"));
}

TEST_F(RetinaGradeCommand, AbstainsBelowTheConfidenceThatIsAskedFor) {
  add("a.jpg", phantom().jpeg);
  ASSERT_EQ(grade("--min-confidence 1").exit_code, 0);
  const auto json = result("a");
  EXPECT_EQ(json["verdict"], "abstained");
  EXPECT_THAT(json["decision"]["abstention"].get<std::string>(), HasSubstr("is below 1.000"));
  EXPECT_EQ(json["probabilities"].size(), 5U);
  EXPECT_THAT(imaging::read_file(folder_ / "out/cases/a/report.html"), HasSubstr("the model abstains"));
}

TEST_F(RetinaGradeCommand, BothEyesOfAPatientStandSideBySideTheRightOneOnTheLeft) {
  add("12_left.jpg", phantom(3).jpeg);
  add("12_right.jpg", phantom(4).jpeg);
  add("13_left.jpg", phantom(5).jpeg);
  ASSERT_EQ(grade().exit_code, 0);
  const auto html = imaging::read_file(folder_ / "out/patients/12/report.html");
  const auto right = html.find("Right eye (OD)"), left = html.find("Left eye (OS)");
  EXPECT_LT(right, left);
  EXPECT_NE(left, std::string::npos);
  EXPECT_THAT(html, HasSubstr("by their files&#39; names alone"));
  EXPECT_TRUE(fs::exists(folder_ / "out/patients/12/report.pdf"));
  EXPECT_FALSE(fs::exists(folder_ / "out/patients/13"));
  EXPECT_THAT(
      imaging::read_file(folder_ / "out/report.html"),
      AllOf(HasSubstr("href=\"patients/12/report.html\""), HasSubstr("href=\"cases/13_left/report.html\"")));
  fs::remove_all(folder_ / "out/patients");
  EXPECT_EQ(run_tessera("report " + (folder_ / "out").string()).exit_code, 0);
  EXPECT_TRUE(fs::exists(folder_ / "out/patients/12/report.pdf"));
}

TEST_F(RetinaGradeCommand, ReadsDicomWithEyeAndSpacingAndTakesNothingOfThePatient) {
  add("eye.dcm", dicom(phantom().photograph, "R"));
  add("turned_left.jpg", turned_by_exif(phantom().jpeg));
  const auto output = grade();
  ASSERT_EQ(output.exit_code, 0) << output.err;
  const auto json = result("eye");
  EXPECT_EQ(json["laterality"], "R");
  EXPECT_EQ(json["fundus"]["eye_source"], "file");
  EXPECT_EQ(json["scale"]["source"], "dicom.pixel_spacing");
  EXPECT_NEAR(json["scale"]["mpp_x"].get<double>(), 8, 1e-9);
  const auto turned = result("turned_left");
  EXPECT_EQ(turned["input"]["width"], phantom().photograph.height()) << "turned as EXIF says";
  for (const auto& entry : fs::recursive_directory_iterator(folder_ / "out")) {
    if (!entry.is_regular_file()) continue;
    const auto content = imaging::read_file(entry.path());
    EXPECT_THAT(content, AllOf(Not(HasSubstr("Secret")), Not(HasSubstr("ID-4711")), Not(HasSubstr("Exif"))))
        << entry.path();
  }
}

TEST_F(RetinaGradeCommand, GradesEverySampleFormat) {
  const auto& picture = phantom().photograph;
  write_tiff(in() / "deep.tif", picture, 3, 16);
  write_tiff(in() / "cmyk.tif", picture, 4, 8);
  imaging::Image8 grey(picture.width(), picture.height(), 1),
      alpha(picture.width(), picture.height(), 4, 255);
  for (std::int64_t i = 0; i < picture.width() * picture.height(); ++i) {
    grey.data()[i] = picture.data()[3 * i + 1];
    std::copy_n(picture.data() + 3 * i, 3, alpha.data() + 4 * i);
  }
  imaging::write_png(in() / "grey.png", grey);
  imaging::write_png(in() / "alpha.png", alpha);
  const auto output = grade();
  EXPECT_EQ(output.exit_code, 0) << output.out;
  EXPECT_THAT(result("grey")["warnings"].dump(), HasSubstr("is grey"));
  for (const auto* name : {"deep", "cmyk", "alpha"})
    EXPECT_EQ(result(name)["probabilities"].size(), 5U) << name;
}

TEST_F(RetinaGradeCommand, SaysInASentenceWhatIsWrongWithEachFileAndGoesOn) {
  add("good.jpg", phantom().jpeg);
  imaging::write_png(in() / "page.png", imaging::Image8(400, 300, 3, 255));
  imaging::write_png(in() / "black.png", imaging::Image8(400, 300, 3, 0));
  imaging::write_png(in() / "tiny.png", imaging::Image8(9, 9, 3, 90));
  support::paint_tissue_png(in() / "tissue.png", {640, 512}, {64, 64, 512, 384}, 2);
  add("cut.jpg", phantom().jpeg.substr(0, phantom().jpeg.size() / 2));
  add("empty.jpg", "");
  add("nothing.dcm", dicom({}, "R", false));
  const auto output = grade();
  EXPECT_EQ(output.exit_code, 4) << output.err;
  const std::map<std::string, std::pair<std::string, std::string>> expected{
      {"page.png", {"insufficient_data", "blank"}},
      {"black.png", {"insufficient_data", "blank"}},
      {"tiny.png", {"insufficient_data", "16 pixels"}},
      {"tissue.png", {"insufficient_data", "fundus photograph"}},
      {"cut.jpg", {"corrupt_data", "cut.jpg"}},
      {"empty.jpg", {"unsupported_format", "empty.jpg"}},
      {"nothing.dcm", {"unsupported_format", "without a picture"}}};
  for (const auto& [file, what] : expected) {
    EXPECT_EQ(cell(file, "status"), "failed") << file;
    EXPECT_EQ(cell(file, "reason_code"), what.first) << file << ": " << cell(file, "reason");
    EXPECT_THAT(cell(file, "reason"), AllOf(HasSubstr(what.second), Not(HasSubstr(folder_.path().string()))))
        << file;
    EXPECT_EQ(cell(file, "verdict"), "") << file;
  }
  EXPECT_EQ(cell("good.jpg", "status"), "done");
  EXPECT_EQ(nlohmann::json::parse(imaging::read_file(folder_ / "out/run.json"))["inputs"].size(), 8U);
}

TEST_F(RetinaGradeCommand, ASplitFileStandsForItsPhotographsAndEachUnsoundLineFailsAlone) {
  fs::create_directories(folder_ / "set/images/a");
  fs::create_directories(folder_ / "set/splits");
  imaging::write_file(folder_ / "set/images/a/one.jpg", phantom().jpeg);
  imaging::write_file(folder_ / "set/images/a/two three.jpg", phantom(3).jpeg);
  imaging::write_file(folder_ / "set/splits/APTOS_train.txt",
                      "a/one.jpg 2\r\n\na/two three.jpg 7\na/gone.jpg 1\nunlabelled.jpg\n");
  const auto output = grade("", (folder_ / "set/splits/APTOS_train.txt").string());
  EXPECT_EQ(output.exit_code, 4) << output.err;
  EXPECT_EQ(result("one")["label"], "2");
  EXPECT_EQ(result("one")["site"], "APTOS");
  EXPECT_THAT(cell("a/two three.jpg", "reason"),
              HasSubstr("line 3: the label '7' of 'a/two three.jpg' is no grade"));
  EXPECT_EQ(cell("a/gone.jpg", "reason_code"), "not_found");
  EXPECT_THAT(cell("unlabelled.jpg", "reason"), HasSubstr("line 5"));
}

TEST_F(RetinaGradeCommand, ALabelOutsideTheScaleFailsByName) {
  add("a.jpg", phantom().jpeg);
  const auto table = (folder_ / "t.csv").string();
  imaging::write_file(table, "file,label\na.jpg,5\n");
  const auto output = grade("--table " + table);
  EXPECT_EQ(output.exit_code, 3);
  EXPECT_THAT(output.out, HasSubstr("the label '5' is no grade of 0 to 4"));
}

TEST_F(RetinaGradeCommand, SlidesAndPhotographsAreNotTakenForEachOther) {
  add("eye.jpg", phantom().jpeg);
  const auto photograph =
      run_tessera(fmt::format("analyze {} --mpp 1 --model {} --encoder {} --out {}",
                              (in() / "eye.jpg").string(), support::tiny_models().classifier.string(),
                              support::tiny_models().encoder.string(), (folder_ / "slides").string()));
  EXPECT_EQ(photograph.exit_code, 3);
  EXPECT_THAT(photograph.out,
              HasSubstr("is a photograph of the retina, and the model 'tiny-classifier' is for slides"));
  const auto task =
      run_tessera(fmt::format("retina grade {} --model {} --out {}", in().string(),
                              support::tiny_models().classifier.string(), (folder_ / "x").string()));
  EXPECT_EQ(task.exit_code, 3);
  EXPECT_THAT(task.err, HasSubstr("is for slide-classification, not for fundus-grading"));
  TESSERA_NEED_DATA(slide, "wsi/CMU-1-Small-Region.svs");
  const auto refused = grade("", slide.string());
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_THAT(refused.out, HasSubstr("is a slide (aperio"));
}

TEST_F(RetinaGradeCommand, OcclusionIsAnotherMapOnRequest) {
  add("a.jpg", phantom().jpeg);
  ASSERT_EQ(grade("--evidence occlusion").exit_code, 0);
  EXPECT_EQ(result("a")["scores"]["kind"], "occlusion");
  EXPECT_EQ(imaging::read_ome_tiff(folder_ / "out/cases/a/attention.ome.tif").values.width(), 16);
}

}  // namespace
