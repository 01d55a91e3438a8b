#include <cmath>
#include <limits>

#include "app/report/patient_report.h"
#include "app/report/report_files.h"
#include "app/workflows/batch.h"
#include "imaging/base/files.h"
#include "imaging/raster/ome_tiff.h"
#include "imaging/raster/png.h"
#include "sample_case.h"
#include "tests/support/test_support.h"

namespace report {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr auto kDate = "2026-11-28 18:00";

/// Writes a photograph's case: a red disc, an evidence map of 4 x 4 cells.
workflows::CaseResult add_eye(const fs::path& out, const std::string& name, const std::string& patient,
                              const std::string& eye, double referable, bool is_gradable = true) {
  workflows::CaseResult result;
  result.case_name = name;
  result.kind = "fundus";
  result.file = name + ".jpg";
  result.patient = patient;
  result.laterality = eye;
  result.size_l0 = {400, 400};
  result.scale = imaging::SlideScale{1, 1, "pixels"};
  result.model_name = "grader";
  auto& finding = result.fundus.emplace();
  finding.eye_source = finding.patient_source = "table";
  finding.field = {{199.5, 199.5}, 190, {10, 10, 380, 380}, "gdrbench", {}};
  finding.quality.verdict = is_gradable ? "gradable" : "ungradable";
  const workflows::CaseFolder folder{out / "cases" / name};
  imaging::Image8 picture(400, 400, 3, 0);
  for (std::int64_t y = 0; y < 400; ++y) {
    for (std::int64_t x = 0; x < 400; ++x)
      *picture.pixel(x, y) = std::hypot(x - 199.5, y - 199.5) < 190 ? 180 : 0;
  }
  imaging::write_png(folder.thumbnail(), picture);
  if (is_gradable) {
    result.verdict = result.likeliest = referable >= 0.5 ? "severe_npdr" : "nodr";
    result.probabilities = {{"nodr", 1 - referable}, {"severe_npdr", referable}};
    result.logits = result.probabilities;
    finding.scores = workflows::RetinopathyScores{.confidence = std::max(referable, 1 - referable),
                                                  .referable_score = referable,
                                                  .threshold_from = "default",
                                                  .is_referable = referable >= 0.5};
    imaging::ScoreRaster raster;
    raster.values = imaging::ImageF(4, 4, 1, 0.5F);
    *raster.values.pixel(1, 1) = 2;
    *raster.values.pixel(0, 0) = std::numeric_limits<float>::quiet_NaN();
    raster.channel_names = {"evidence"};
    raster.pixel_l0 = raster.pixel_um = {95, 95};
    imaging::write_ome_tiff(folder.attention(), raster);
    result.tile_stride_l0 = result.tile_side_l0 = raster.pixel_l0;
    finding.evidence_origin_l0 = {10, 10};
    result.score_kind = "class_activation";
    result.score_names = {"evidence"};
  } else {
    result.verdict = result.likeliest = workflows::kUngradable;
    result.status = "degraded";
    finding.quality.reasons = {"out of focus (fine detail 0.10 of coarse)"};
    result.reason = "The photograph is ungradable: out of focus.";
  }
  folder.write_result(result);
  return result;
}

void write_manifest(const fs::path& out, const std::vector<std::string>& names) {
  nlohmann::ordered_json manifest{{"inputs", nlohmann::ordered_json::array()}};
  for (const auto& name : names) {
    workflows::BatchRow row;
    row.case_name = name;
    row.status = "done";
    manifest["inputs"].push_back(workflows::to_json(row));
  }
  imaging::write_file(out / "run.json", manifest.dump());
}

const ReportFiles& writer() {
  static const ReportFiles files;
  return files;
}

TEST(FundusReportTest, PaintsTheEvidenceWhereItLies) {
  const support::TemporaryFolder out;
  add_eye(out.path(), "eye", "p1", "R", 0.8);
  const auto model = read_report_model({out / "cases/eye"}, kDate);
  EXPECT_EQ(model.headline, "Severe non-proliferative diabetic retinopathy");
  ASSERT_TRUE(model.overview && !model.overview->heatmap.empty());
  const auto differs = [&](std::int64_t x, std::int64_t y) {
    return *model.overview->plain.pixel(x, y) != *model.overview->heatmap.pixel(x, y);
  };
  EXPECT_TRUE(differs(152, 152)) << "the middle of the cell that speaks";
  EXPECT_FALSE(differs(300, 300)) << "what says little stays clear";
  EXPECT_FALSE(differs(15, 15)) << "outside the field";
  EXPECT_FALSE(model.overview->scale_bar.has_value()) << "no length is known";
}

TEST(FundusReportTest, AnUngradablePhotographShowsThePictureAndNoEvidence) {
  const support::TemporaryFolder out;
  add_eye(out.path(), "eye", "p1", "R", 0, false);
  writer().write({out / "cases/eye"}, kDate);
  EXPECT_THAT(imaging::read_file(out / "cases/eye/report.html"),
              AllOf(HasSubstr("Ungradable photograph"), HasSubstr("out of focus (fine detail"),
                    Not(HasSubstr("Where the model looked")), Not(HasSubstr("class=\"bars\""))));
}

TEST(PatientReportTest, TheWorseEyeDecidesAndOneThatHasNoGradeIsNotCalledHealthy) {
  const support::TemporaryFolder out;
  add_eye(out.path(), "a_right", "p1", "R", 0.8);
  add_eye(out.path(), "a_left", "p1", "L", 0.1);
  add_eye(out.path(), "b_right", "p2", "R", 0.1);
  add_eye(out.path(), "b_left", "p2", "L", 0, false);
  add_eye(out.path(), "c_right", "p3", "R", 0.1);
  add_eye(out.path(), "c_left", "p3", "L", 0.2);
  add_eye(out.path(), "d_right", "p4", "R", 0.9);
  write_manifest(out.path(), {"a_right", "a_left", "b_right", "b_left", "c_right", "c_left", "d_right"});
  const auto patients = find_patients(out.path());
  ASSERT_EQ(patients.size(), 3U) << "p4 has one eye";
  EXPECT_EQ(read_patient_model(patients[0], kDate).headline, "Referable: right eye");
  EXPECT_EQ(read_patient_model(patients[1], kDate).headline, "No grade of the left eye");
  EXPECT_EQ(read_patient_model(patients[1], kDate).status, "degraded");
  EXPECT_EQ(read_patient_model(patients[2], kDate).headline, "Not referable");
}

TEST(PatientReportTest, NamesThatAreNoFolderNamesStayApart) {
  const support::TemporaryFolder out;
  for (const auto* patient : {"../p", "..:p"}) {
    const auto name = std::string(patient) == "../p" ? std::string("a") : std::string("b");
    add_eye(out.path(), name + "r", patient, "R", 0.1);
    add_eye(out.path(), name + "l", patient, "L", 0.1);
  }
  write_manifest(out.path(), {"ar", "al", "br", "bl"});
  writer().write_run(out.path(), kDate);
  std::vector<std::string> folders;
  for (const auto& entry : fs::directory_iterator(out / "patients"))
    folders.push_back(entry.path().filename().string());
  EXPECT_EQ(folders.size(), 2U);
  EXPECT_FALSE(fs::exists(out / "p"));
}

}  // namespace
}  // namespace report
