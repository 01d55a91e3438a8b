#include <cmath>
#include <limits>

#include "app/workflows/evidence_view.h"
#include "app/workflows/eye.h"
#include "app/workflows/fundus_finding.h"
#include "app/workflows/inputs.h"
#include "imaging/base/files.h"
#include "tests/support/test_support.h"

namespace workflows {
namespace {

TEST(EyeInNameTest, FollowsTheCustomsOfPublicDataSets) {
  const auto eye = [](const char* stem) {
    const auto found = find_eye_in_name(stem);
    return found ? found->side + " " + found->patient : "none";
  };
  EXPECT_EQ(eye("10_left"), "L 10");
  EXPECT_EQ(eye("10_right"), "R 10");
  EXPECT_EQ(eye("Image_01L"), "L Image_01");
  EXPECT_EQ(eye("Image_14R"), "R Image_14");
  EXPECT_EQ(eye("7_l1"), "L 7");
  EXPECT_EQ(eye("7_r2"), "R 7");
  EXPECT_EQ(eye("p12-OD-3"), "R p12");
  EXPECT_EQ(eye("OS_p12"), "L p12");
  EXPECT_EQ(eye("left"), "L ");
}

TEST(EyeInNameTest, NeverGuesses) {
  for (const auto* stem : {"IDRiD_001", "drishtiGS_001", "21_training", "fundus_0001", "model", "control",
                           "od123", "left_right", "12_left_OD", "ALLR", "a_l12", ""})
    EXPECT_FALSE(find_eye_in_name(stem).has_value()) << stem;
}

TEST(EyeTest, TheTableComesBeforeTheFileAndTheFileBeforeItsName) {
  imaging::FundusImage image;
  InputFile file{.path = "10_left.jpg", .relative = "10_left.jpg"};
  std::vector<std::string> warnings;
  EXPECT_EQ(eye_of(file, image, warnings).source, "file name");
  image.laterality = "R";
  EXPECT_EQ(eye_of(file, image, warnings).side, "R");
  EXPECT_TRUE(warnings.empty());
  file.laterality = "OS";
  EXPECT_EQ(eye_of(file, image, warnings).side, "L");
  EXPECT_EQ(warnings.size(), 1U);
}

TEST(FundusFindingTest, ComesBackFromItsJson) {
  FundusFinding finding;
  finding.eye_source = "table";
  finding.field = {{512.5, 400}, 390, {120, 10, 780, 780}, "gdrbench", {}};
  finding.quality.verdict = "poor";
  finding.quality.reasons = {"too dark"};
  finding.quality.measures.focus = 0.4;
  finding.is_overridden = true;
  finding.scores = RetinopathyScores{.confidence = 0.7, .referable_score = 0.6, .threshold_from = "default"};
  finding.oedema = OedemaRisk{{{"no_risk", 0.25}, {"moderate_risk", 0.25}, {"high_risk", 0.5}}, "high_risk"};
  finding.evidence_origin_l0 = {1, -2};
  const auto json = to_json(finding);
  EXPECT_EQ(to_json(fundus_finding_from_json(nlohmann::json::parse(json.dump()))), json);
  finding.scores.reset();
  finding.oedema.reset();
  const auto bare = to_json(finding);
  EXPECT_EQ(to_json(fundus_finding_from_json(nlohmann::json::parse(bare.dump()))), bare);
}

TEST(EvidenceViewTest, StaysInTheDiscAndBetweenItsNeighbours) {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  imaging::ScoreRaster raster;
  raster.values = imaging::ImageF(4, 4, 1, 0);
  *raster.values.pixel(1, 1) = 1;
  *raster.values.pixel(0, 0) = kNaN;
  raster.pixel_l0 = raster.pixel_um = {100, 100};
  raster.origin_l0 = {50, 0};
  const auto view = evidence_view(raster, {{249.5, 199.5}, 200, {50, 0, 400, 400}, "gdrbench", {}});
  const auto at = [&](double x_l0, double y_l0) {
    return *view.values.pixel(static_cast<std::int64_t>((x_l0 - 50) / view.pixel_l0.x),
                              static_cast<std::int64_t>(y_l0 / view.pixel_l0.y));
  };
  EXPECT_TRUE(std::isnan(at(60, 10))) << "outside the disc";
  EXPECT_NEAR(at(200, 150), 1, 0.1) << "the middle of a cell keeps its value";
  EXPECT_NEAR(at(250, 150), 0.5, 0.1) << "halfway to the next";
  EXPECT_NEAR(at(350, 350), 0, 1e-6);
  EXPECT_TRUE(std::isfinite(at(120, 80))) << "what borders on nothing takes what there is";
}

TEST(SplitInputsTest, OneThatIsNoListStaysAFile) {
  const support::TemporaryFolder folder;
  imaging::write_file(folder / "notes.txt", "hello world\n");
  InputOptions options;
  options.inputs = {(folder / "notes.txt").string()};
  EXPECT_EQ(collect_inputs(options, {}, {}).files.at(0).relative, "notes.txt");
}

}  // namespace
}  // namespace workflows
